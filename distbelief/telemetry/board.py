"""The one writer of every metric of a run: metrics.csv, and TensorBoard's event file."""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalar
from tensorboard.plugins.histogram import summary_v2 as histogram
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import summary_v2 as scalar
from tensorboard.plugins.text import summary_v2 as text
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from distbelief import config as config_lib
from distbelief.telemetry import metrics

_MOST_IN_HISTOGRAM = 1000  # Values; more are thinned to evenly spread ranks.

# Final results of a run, as the tab's metrics: tag, name, meaning.
FINAL = (
  ('summary/holdout_accuracy', 'accuracy', 'of hold-out data, at the end'),
  ('summary/holdout_loss', 'loss', 'of hold-out data, at the end'),
  ('summary/seconds', 'seconds', "from the first step's start to the last update"),
  ('summary/seconds_to_target', 'to target', 'seconds until config.target_accuracy'),
  ('summary/examples_per_second', 'examples/s', 'of all replicas together'),
  ('summary/staleness_mean', 'staleness', 'mean, over all pushes and shards'),
  ('summary/waiting', 'waiting', 'part of their time that replicas wait, mean'),
)

# Charts of the Custom Scalars tab, each with all runs that are chosen.
_CHARTS = {
  'Learning': {
    'hold-out accuracy': ['holdout/accuracy'],
    'hold-out loss': ['holdout/loss'],
    'training loss': ['train/loss'],
  },
  'Speed': {
    'examples per second': ['throughput/examples_per_second'],
    'updates per second': ['throughput/updates_per_second'],
    'megabytes per second': ['throughput/megabytes_per_second'],
  },
  'Waiting and staleness': {
    'part of their time that replicas wait': ['utilisation/waiting'],
    'mean staleness': ['staleness/mean'],
    "skew of the shards' versions": ['staleness/version_skew'],
  },
  'The swarm': {
    'mean distance between two replicas': ['swarm/pairwise_distance'],
    "cosine between two replicas' gradients": ['swarm/gradient_cosine'],
  },
}


class MetricWriter:
  """Writes the metrics of a run while it is under way."""

  def __init__(
    self,
    workdir: Path,
    config: ml_collections.ConfigDict,
    now: Callable[[], float] = time.time,
    steps_done: int = 0,
  ) -> None:
    """Opens metrics.csv and an event file.

    Args:
      workdir: Directory of the run, and TensorBoard's name for it.
      config: Config of the run, shown as text and as hyperparameters.
      now: Clock of the run, TensorBoard's wall time.
      steps_done: Step at which a resumed run goes on; TensorBoard then hides what was
        written for later steps.
    """
    self._workdir, self._now = workdir, now
    resumed = any(workdir.glob('events.out.tfevents.*'))
    self._events = EventFileWriter(str(workdir))
    if resumed:
      # Runs of earlier versions logged no session start, and TensorBoard takes the first
      # one that it reads for the start of the run.
      self._mark_start(steps_done + 1)
      self._mark_start(steps_done + 1)
    else:  # TensorBoard would show it twice.
      self._mark_start(0)
      self._introduce(config)

  def _mark_start(self, step: int) -> None:
    """Logs the start of a session: all but the first undo `step` and later ones."""
    log = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
    self._events.add_event(
      event_pb2.Event(wall_time=self._now(), step=step, session_log=log)
    )
    self._events.flush()

  def _introduce(self, config: ml_collections.ConfigDict) -> None:
    """Writes the config; all other metadata is constant, so that runs can be compared."""
    fields = config_lib.flatten(config)
    table = '\n'.join(f'| {name} | `{value}` |' for name, value in fields.items())
    shown = {
      name: value if isinstance(value, (bool, int, float, str)) else str(value)
      for name, value in fields.items()
      if value is not None
    }
    self._add(
      [
        text.text_pb('config', f'| field | value |\n|---|---|\n{table}'),
        hparams.hparams_config_pb(
          hparams=[
            hparams.HParam(field.name)
            for field in config_lib.FIELDS
            if field.hyperparameter
          ],
          metrics=[
            hparams.Metric(tag, display_name=name, description=meaning)
            for tag, name, meaning in FINAL
          ],
        ),
        # Without a trial_id a run is known by its path, which no other one has.
        hparams.hparams_pb(shown, trial_id=''),
        custom_scalar.pb(_layout()),
      ],
      0,
    )

  def scalars(self, step: int, values: Mapping[str, float]) -> None:
    """Writes scalars to TensorBoard at `step` applied minibatches."""
    self._add((scalar.scalar_pb(tag, value) for tag, value in values.items()), step)

  def histograms(self, step: int, values: Mapping[str, np.ndarray]) -> None:
    """Writes the distributions of some values, [.] each, to TensorBoard."""
    self._add(
      (histogram.histogram_pb(tag, _thinned(found)) for tag, found in values.items()),
      step,
    )

  def image(self, step: int, tag: str, png: bytes, meaning: str) -> None:
    """Writes a picture to TensorBoard."""
    self._add([_image(tag, png, meaning)], step)

  def evaluation(self, row: metrics.Evaluation) -> None:
    """Appends a row to metrics.csv, and writes it to TensorBoard."""
    metrics.append_csv(self._workdir, row)
    found = {'loss': row.holdout_loss, 'accuracy': row.holdout_accuracy, **row.more}
    self.scalars(
      row.steps,
      {f'holdout/{name}': v for name, v in found.items() if not math.isnan(v)},
    )

  def finish(self, step: int, values: Mapping[str, float | None]) -> None:
    """Writes the final results, by the tags of FINAL; missing ones are left out."""
    self.scalars(step, {tag: v for tag, v in values.items() if v is not None})
    self._add([hparams_summary.session_end_pb(api_pb2.STATUS_SUCCESS)], step)

  def close(self) -> None:
    """Flushes the event file."""
    self._events.close()

  def _add(self, summaries: Iterable[Any], step: int) -> None:
    """Writes many summaries as one event."""
    event = event_pb2.Event(wall_time=self._now(), step=step)
    for summary in summaries:  # Of TensorFlow's class or of TensorBoard's.
      event.summary.MergeFromString(summary.SerializeToString())
    if event.summary.value:
      self._events.add_event(event)
      self._events.flush()  # The process may be killed.


def _image(tag: str, png: bytes, meaning: str) -> summary_pb2.Summary:
  size = struct.unpack('>II', png[16:24])  # Of a PNG's header: width, height.
  tensor = tensor_pb2.TensorProto(
    dtype=types_pb2.DT_STRING, string_val=[*(str(n).encode() for n in size), png]
  )
  tensor.tensor_shape.dim.add(size=3)
  metadata = image_metadata.create_summary_metadata(tag, meaning)
  value = summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
  return summary_pb2.Summary(value=[value])


def _thinned(values: np.ndarray) -> np.ndarray:
  if len(values) <= _MOST_IN_HISTOGRAM:
    return values
  ranks = np.linspace(0, len(values) - 1, _MOST_IN_HISTOGRAM).round().astype(int)
  return np.sort(values)[ranks]


def _layout() -> layout_pb2.Layout:
  return layout_pb2.Layout(
    category=[
      layout_pb2.Category(
        title=title,
        chart=[
          layout_pb2.Chart(
            title=name,
            multiline=layout_pb2.MultilineChartContent(tag=[f'^{tag}$' for tag in tags]),
          )
          for name, tags in charts.items()
        ],
      )
      for title, charts in _CHARTS.items()
    ]
  )
