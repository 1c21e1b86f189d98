"""The replicas as a swarm: their paths over the loss, and their distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from distbelief.analysis import swarm
from distbelief.analysis.run import Run
from distbelief.pictures import style
from distbelief.telemetry.swarm import mean_cosine, pairwise_distance

_MOST = 10  # Replicas whose paths are drawn.


def draw(run: Run) -> Figure:
  """Returns the picture of a run."""
  made = style.figure(11, 6.4)
  grid = made.add_gridspec(2, 2, width_ratios=[1.7, 1])
  tracks, apart, alike = (
    made.add_subplot(grid[place]) for place in ((slice(None), 0), (0, 1), (1, 1))
  )
  samples = swarm.thinned(run.samples)
  made.suptitle(f'{run.name}: where the replicas were ({len(run.samples)} samples)')
  if not len(samples):
    for axes in (tracks, apart, alike):
      style.say(axes, 'no samples (config.telemetry.swarm_seconds)')
    return made
  _tracks(made, tracks, run)
  _apart(apart, samples)
  _alike(alike, samples)
  return made


def _tracks(made: Figure, axes: Axes, run: Run) -> None:
  samples = swarm.thinned(run.samples)
  saved = swarm.load(run.workdir)
  plane, surface = saved or (swarm.plane_of_tracks(samples), None)
  if plane is None:
    style.say(axes, 'too few samples for tracks')
    return
  if surface is not None:
    _contours(made, axes, surface)
  server = plane.coordinates(samples['server'])
  axes.plot(*server.T, color='k', linewidth=1.6, label='server', zorder=3)
  axes.plot(*server[-1], 'k*', markersize=12, zorder=5)
  for replica in np.unique(samples['replica'])[:_MOST]:
    own = plane.coordinates(samples['parameters'][samples['replica'] == replica])
    look: dict[str, Any] = {'color': style.of(replica), 'linewidth': 0.9, 'markersize': 3}
    axes.plot(*own.T, 'o-', label=f'replica {replica}', zorder=4, **look)
  axes.set_title(
    f'tracks on their two principal directions ({plane.share:.0%} of their variance)'
    + ('' if surface is not None else f';\nno loss: {_why_not(run)}'),
    fontsize=10,
    loc='left',
  )
  axes.set_xlabel('first direction', fontsize=8)
  axes.set_ylabel('second direction', fontsize=8)
  axes.legend(fontsize=7, frameon=True, framealpha=0.8)
  style.quiet(axes)


def _why_not(run: Run) -> str:
  if run.summary is None:
    return 'it is computed when the run ends'
  return 'fewer than 3 evaluations, or no time for so large a model'


def _contours(made: Figure, axes: Axes, surface: swarm.Surface) -> None:
  loss = np.where(np.isfinite(surface.loss), surface.loss, np.nan)
  # The region near the minimum matters most: levels by rank, not by height.
  levels = np.unique(np.nanquantile(loss, np.linspace(0, 0.98, 18)))
  if len(levels) < 2:
    return
  look = {'levels': levels, 'cmap': 'viridis_r', 'alpha': 0.55, 'extend': 'max'}
  filled = axes.contourf(surface.x, surface.y, loss, **look)
  made.colorbar(filled, ax=axes, label='hold-out loss', format='%.3g', shrink=0.7)


def _apart(axes: Axes, samples: np.ndarray) -> None:
  start = samples['time'].min()
  away = np.linalg.norm(samples['parameters'] - samples['server'], axis=1)
  for replica in np.unique(samples['replica'])[:_MOST]:
    own = samples['replica'] == replica
    axes.plot(
      *(samples['time'][own] - start, away[own]), color=style.of(replica), linewidth=1
    )
  times, mean = _together(
    samples, samples['parameters'] - samples['server'], pairwise_distance
  )
  axes.plot(times - start, mean, 'k--', linewidth=1, label='two replicas, mean')
  axes.set_ylim(bottom=0)
  axes.set_title('distance from the server', fontsize=10, loc='left')
  axes.set_xlabel('seconds', fontsize=8)
  axes.legend(fontsize=7, frameon=False)
  style.quiet(axes)


def _alike(axes: Axes, samples: np.ndarray) -> None:
  times, mean = _together(samples, samples['gradient'], mean_cosine)
  axes.plot(times - samples['time'].min(), mean, color=style.of(1))
  axes.axhline(0, color='#bbbbbb', linewidth=0.8)
  axes.set_title("cosine between two replicas' gradients", fontsize=10, loc='left')
  axes.set_xlabel('seconds', fontsize=8)
  style.quiet(axes)


def _together(
  samples: np.ndarray, sketches: np.ndarray, of: Callable[[np.ndarray], float]
) -> tuple[np.ndarray, np.ndarray]:
  """Returns times, and `of` of all replicas' latest sketches at each."""
  latest: dict[int, np.ndarray] = {}
  times, values = [], []
  for sample, sketch in zip(samples, sketches):
    latest[int(sample['replica'])] = sketch
    if len(latest) > 1:
      times.append(sample['time'])
      values.append(of(np.stack(list(latest.values()))))
  return np.array(times), np.array(values)
