"""Keeps a run's directory during the run, whatever the algorithm."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from distbelief import config as config_lib
from distbelief import data, errors
from distbelief.algorithms.rules import Rule
from distbelief.algorithms.sharding import Sharding
from distbelief.analysis import pushes, staleness, summary, utilisation
from distbelief.analysis.run import Run
from distbelief.data.held_out import HeldOut
from distbelief.models import architecture
from distbelief.models.objective import Objective
from distbelief.rundir import checkpoints, final_pictures, workdirs
from distbelief.rundir.context import RunContext
from distbelief.rundir.evaluation import Evaluator, GetWeights
from distbelief.telemetry import (
  activities,
  board,
  files,
  metrics,
  numerics,
  provenance,
  records,
  snapshots,
  steps,
  swarm,
)
from distbelief.telemetry.clock import REAL, Clock
from distbelief.telemetry.records import Incarnation
from distbelief.telemetry.steps import LOG_COLUMN, Status
from distbelief.telemetry.tally import Tally

_NAN = float('nan')


class RunRecorder:
  """Restores the last checkpoint, keeps the run's files, and finishes the run.

  The trainer (the chief, or worker 0) reports what happened: steps as rows of a shard's
  log, the progress of the run, and when to save.

  Attributes:
    checkpoint: Checkpoint from which this launch starts.
    newest_incarnations: Largest incarnation of each replica in earlier launches,
      [replicas]; -1: none.
    launch: Number of earlier launches.
    phase: Current phase, for the progress line.
  """

  def __init__(
    self,
    context: RunContext,
    objective: Objective,
    source: data.Source,
    rule: Rule,
    num_replicas: int,
    num_shards: int,
    clock: Clock = REAL,
    shard_bytes: Sequence[int] | None = None,
  ) -> None:
    """Marks the steps that going back to the last checkpoint undoes, and opens all files.

    Args:
      context: Context of the launch.
      objective: Objective of the run.
      source: Source of the hold-out data.
      rule: Rule of the server, whose slots are in the checkpoints.
      num_replicas: Number of replicas of this launch.
      num_shards: Number of shards whose logs are recorded; 1 where there is no parameter
        server.
      clock: Clock of all recorded times.
      shard_bytes: Bytes that travel to or from each shard, if not its part of the model.

    Raises:
      errors.ConfigError: If the run has more steps than config.num_steps, or cannot go on
        with so many replicas; nothing is changed then.
    """
    config, workdir, self._display, invocation = context
    self._config, self._workdir = config, workdir
    self._clock = clock
    self._command_started = clock.now() if clock.is_simulated else invocation.started
    self._provenance = provenance.collect(invocation)
    self._objective, self._num_replicas = objective, num_replicas
    self._held_out = HeldOut(source)
    self._warmstart_steps = config_lib.warmstart_steps(config)
    self.phase = 'training'
    self._first_step_at: float | None = (
      None  # The first step's start, minus the time of earlier launches.
    )
    self._startup_seconds: float | None = None
    self._ended = 0.0  # The last update's time.
    self._losses: list[float] = []  # Since the last evaluation.
    self._next_scalars = -math.inf
    self._shown: dict[str, float] = {}  # The last scalars.
    self._next_save = self._clock.steady() + config.checkpoint_seconds

    self.newest_incarnations = records.newest_incarnations(workdir, num_replicas)
    self.launch = len(records.files(workdir))
    self.checkpoint = self._begin(rule, num_shards)
    own_bytes = 4 * np.array(Sharding(objective.shapes, num_shards).sizes)
    own_bytes[0] += 4 * objective.statistics_layout.size
    if shard_bytes is None:
      shard_bytes = own_bytes.tolist()
    self._recorder = records.Recorder(
      workdir / 'steps' / f'{self.launch:03}.bin',
      num_shards,
      num_replicas,
      shard_bytes,
      clock.name,
    )
    job, tasks = ('simulator', 1) if clock.is_simulated else ('worker', num_replicas)
    numerics.keep(workdir, self.launch, job, tasks)
    note = numerics.note(numerics.of_launch(workdir, self.launch))
    if note and config.telemetry.records:
      self._display.message(note)
    self._swarm = swarm.SwarmWriter(workdir, config.telemetry.swarm_seconds)
    self._activities = activities.ActivityWriter(workdir, clock.now)
    self._writer = board.MetricWriter(
      workdir, config, clock.now, int(self.checkpoint.steps)
    )
    self._evaluator = Evaluator(
      objective,
      self._held_out,
      self._writer,
      self._activities,
      snapshots.Snapshots(workdir, int(own_bytes.sum()) // 4)
      if config.telemetry.swarm_seconds
      else None,
      config.eval_steps,
      self.checkpoint.steps,
      beside=not clock.is_simulated,
    )
    self._checkpoints = checkpoints.CheckpointWriter(
      workdir / 'checkpoints', config.checkpoints_kept
    )
    self._tally = Tally(
      config_lib.algorithm(config),
      config.data.batch_size,
      shard_bytes,
      num_replicas - config_lib.backup_workers(config),
    )

  def _begin(self, rule: Rule, num_shards: int) -> checkpoints.Checkpoint:
    checkpoint = checkpoints.latest(self._workdir / 'checkpoints')
    self._resumed_from = None if checkpoint is None else checkpoint.steps
    if checkpoint is None:
      checkpoint = checkpoints.first(
        self._objective.weights,
        rule,
        num_shards,
        self._num_replicas,
      )
    elif checkpoint.steps > self._config.num_steps:
      raise errors.ConfigError(
        'config.num_steps',
        self._config.num_steps,
        f'is less than the {checkpoint.steps} steps that the run in {self._workdir} '
        'has done: raise it, or choose another --workdir',
      )
    workdirs.refuse_indivisible(self._config, checkpoint.steps, self._workdir)
    self._refuse_other_model(checkpoint)
    undone = records.mark_undone(
      self._workdir, int(checkpoint.launch), checkpoint.clients
    )
    metrics.forget_after(self._workdir, checkpoint.steps)
    snapshots.forget_after(self._workdir, checkpoint.steps)
    swarm.forget_after(
      self._workdir, checkpoint.clients[..., steps.NEXT_STEP].min(axis=0)
    )
    if self._resumed_from is not None or undone:
      self._display.message(
        f'resumed from step {checkpoint.steps}; {undone} later steps are undone'
      )
    return checkpoint

  def _refuse_other_model(self, checkpoint: checkpoints.Checkpoint) -> None:
    """Rejects a model that was edited since the run began."""
    path = self._workdir / 'architecture.json'
    now, goal = architecture.of_model(self._objective.model), self._objective
    before = path.read_text() if self._resumed_from is not None and path.exists() else ''
    sizes = [goal.layout.size, goal.statistics_layout.size]
    alike = sizes == [len(checkpoint.parameters), len(checkpoint.statistics)]
    if not alike or (before and now and now != before):
      raise errors.ConfigError(
        'config.model.name',
        self._config.model.name,
        f'gives another model than that of the run in {self._workdir}: set it back, or '
        'choose another --workdir',
      )
    files.write_whole(path, now)

  @property
  def started(self) -> bool:
    """Whether a step has begun in this launch."""
    return self._first_step_at is not None

  @property
  def seconds(self) -> float:
    """Seconds since the first step's start, without the time between launches."""
    return self._seconds_at(self._clock.now())

  def _seconds_at(self, now: float) -> float:
    if self._first_step_at is None:
      raise RuntimeError('no step of this launch has begun')
    return now - self._first_step_at

  @property
  def save_due(self) -> bool:
    """Whether a checkpoint is due."""
    return self.started and self._clock.steady() >= self._next_save

  @property
  def look_due(self) -> bool:
    """Whether a call of `look` is due, evaluations apart."""
    return self._clock.steady() >= min(self._next_scalars, self._next_save)

  # During the training.

  def record(self, shard: int, log: np.ndarray) -> None:
    """Records steps.

    Args:
      shard: Index of the shard whose log it is.
      log: Rows of the log, [., LOG_COLUMNS + row] float64, see telemetry/steps.py.
    """
    if not len(log):
      return
    self._recorder.add_log(shard, log)
    self._tally.add_log(shard, log)
    self._ended = max(self._ended, float(log[:, LOG_COLUMN['update_end']].max()))
    rows = log[:, len(steps.LOG_COLUMNS) :]
    if shard == 0:
      applied = log[:, LOG_COLUMN['status']] == Status.APPLIED
      self._losses += rows[applied, steps.COLUMN['loss']].tolist()
    if self._first_step_at is None:
      self._begin_at(
        steps.first_start(*(rows[:, steps.COLUMN[name]] for name in steps.STARTS))
      )

  @property
  def _earliest(self) -> float:
    """Returns an estimate of the first step's start, without records."""
    return self._command_started if self._clock.is_simulated else self._clock.now()

  def _begin_at(self, first: float) -> None:
    self._startup_seconds = first - self._command_started
    self._first_step_at = first - float(self.checkpoint.seconds)
    self._next_scalars = -math.inf  # The first progress is shown at once.

  def record_window(
    self, key: Incarnation, pushes: np.ndarray, pending: np.ndarray
  ) -> None:
    """Records times of pushes, and steps not yet pushed (records.Recorder)."""
    if self._config.telemetry.records:
      self._recorder.add_window(key, pushes, pending)

  def record_samples(self, marks: np.ndarray, sketches: np.ndarray) -> None:
    """Records samples of the replicas' positions (swarm.SwarmWriter)."""
    self._swarm.add(marks, sketches)

  def look(
    self,
    done: int,
    versions: np.ndarray,
    weights: GetWeights,
  ) -> None:
    """Shows the progress of the run, and evaluates when an evaluation is due.

    Args:
      done: Minibatches applied.
      versions: Version of each shard, [shards].
      weights: Function that returns the weights to evaluate; called in another thread.
    """
    now, steady = self._clock.now(), self._clock.steady()
    if (
      self._first_step_at is None and done > self.checkpoint.steps
    ):  # Steps are not recorded.
      self._begin_at(self._earliest)
    self._tally.add_progress(steady, done)
    if steady >= self._next_scalars:
      self._next_scalars = steady + self._config.telemetry.seconds
      self._show(done, versions)
    elif self._clock.is_simulated and done < self._config.num_steps:
      self.show_progress(done)  # A simulated second may take long.
    if self.started and self._evaluator.due(done) and done < self._config.num_steps:
      self._evaluator.start(self._row(now, done, versions), weights)

  def save(self, checkpoint: checkpoints.Checkpoint) -> None:
    """Writes a checkpoint, whose steps must all be recorded before."""
    with self._activities.during('checkpoint', checkpoint.steps):
      self._checkpoints.write(checkpoint)
    self._next_save = self._clock.steady() + self._config.checkpoint_seconds

  def _show(self, done: int, versions: np.ndarray) -> None:
    scalars, histograms = self._tally.take()
    of_shards = {f'versions/shard_{i}': v for i, v in enumerate(versions)}
    self._writer.scalars(done, {**scalars, **of_shards, **self._swarm.scalars()})
    self._writer.histograms(done, histograms)
    self._shown = scalars
    self.show_progress(done)

  def show_progress(self, done: int) -> None:
    """Shows the progress of the run, once there is any."""
    if not self.started:
      return
    self._display.progress(
      steps=done,
      num_steps=self._config.num_steps,
      loss=self._shown.get('train/loss'),
      accuracy=self._evaluator.accuracy,
      examples_per_second=self._tally.examples_per_second(),
      staleness=self._shown.get('staleness/mean'),
      phase=self.phase,
    )

  def _row(self, now: float, done: int, versions: np.ndarray) -> metrics.Evaluation:
    losses, self._losses = self._losses, []
    return metrics.Evaluation(
      seconds=self._seconds_at(now),
      steps=done,
      examples=done * self._config.data.batch_size,
      updates=int(versions.min()),
      train_loss=float(np.mean(losses)) if losses else _NAN,
      holdout_loss=_NAN,
      holdout_accuracy=_NAN,
    )

  # The end.

  def close(
    self,
    checkpoint: Callable[[], checkpoints.Checkpoint],
    versions: np.ndarray,
    weights: GetWeights,
    more: Mapping[str, Any],
    is_stopped: Callable[[], bool],
  ) -> None:
    """Evaluates, saves, and writes the files of a finished run, summary.json last.

    Args:
      checkpoint: Function that returns the last checkpoint, all of whose steps are then
        recorded.
      versions: Last version of each shard, [shards].
      weights: Function that returns the trained weights.
      more: Fields of the summary that are specific to the algorithm.
      is_stopped: Function that returns whether a signal to stop has come: then pictures
        are left out.
    """
    config, workdir = self._config, self._workdir
    if self._first_step_at is None:  # No step was left to do.
      self._begin_at(self._earliest)
      self.show_progress(config.num_steps)
    self._ended = self._ended or self._clock.now()  # Steps are not recorded.
    done = config.num_steps
    self._evaluator.finish(self._row(self._ended, done, versions), weights)
    self._show(done, versions)
    self.save(checkpoint())
    final = weights()
    exported = self._objective.export(*final, workdir)
    if exported.why:
      self._display.message(f'{workdir / exported.name} has the weights of the model')
    self._recorder.close()
    self._swarm.close()

    run = Run(workdir)  # Aligns all times to one clock.
    derived = run.pushes
    pushes.write_csv(derived, workdir / 'pushes.csv')
    shards = utilisation.shard_table(
      run.last_launch, run.header, config_lib.algorithm(config)
    )
    seconds = self._seconds_at(self._ended)
    new_examples = (done - (self._resumed_from or 0)) * config.data.batch_size
    new_seconds = max(seconds - float(self.checkpoint.seconds), 1e-9)
    fields = {
      'algorithm': config.algorithm,
      'clock': self._clock.name,
      'seconds': seconds,
      'startup_seconds': self._startup_seconds,
      'steps': done,
      'examples': done * config.data.batch_size,
      'examples_per_second': new_examples / new_seconds,
      'updates': int(versions.min()),
      'holdout_accuracy': self._evaluator.accuracy,
      'holdout_metrics': self._evaluator.metrics,
      'target_accuracy': config.target_accuracy,
      'seconds_to_target': summary.seconds_to_target(
        metrics.read_csv(workdir), config.target_accuracy
      ),
      'staleness': summary.staleness(derived),
      **staleness.describe(config, run.records, derived, run.header),
      'updates_per_second': shards[0]['updates_per_second'],
      'bytes_per_second': utilisation.bytes_per_second(shards, run.header, config),
      'shards': shards,
      'steps_by_status': summary.status_counts(run.records),
      'replicas': summary.replica_table(
        run.last_launch,
        self._num_replicas,
        config_lib.overlaps(config),
        self._warmstart_steps,
        run.records,
      ),
      'failures_survived': 0,
      'steps_returned': 0,
      **more,
      'resumed_from': self._resumed_from,
      'provenance': self._provenance,
    }
    run.summary = fields  # Pictures show a finished run; the file comes last.
    final_pictures.draw(
      run, self._objective, self._held_out, final, self._writer, self._display, is_stopped
    )
    self._writer.finish(done, summary.final(fields))
    self._writer.close()
    summary.write(workdir / 'summary.json', fields)
    lines = summary.headline(config, fields).splitlines()
    for line in [*lines, *summary.doubts(fields, run.records)]:
      self._display.message(line)
