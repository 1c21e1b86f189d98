"""Colours and canvas of all pictures."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Kinds of a replica's time, which differ in lightness as well as in colour.
COMPUTE, FETCH, PUSH, WAIT = '#2a9d8f', '#264653', '#e76f51', '#e4e4e4'
BETWEEN = '#bcb8b1'
UPDATE = '#6d6875'  # Of a shard.
BARRIER = '#9b2226'

# Colours of replicas, shards and runs; safe for the colour-blind (Okabe and Ito, 2008).
_SERIES = ('#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#777777')


def of(index: int) -> str:
  """Returns the colour of a replica, a shard or a run."""
  return _SERIES[index % len(_SERIES)]


def figure(width: float, height: float) -> Figure:
  """Returns an empty figure of so many inches; no window and no global state."""
  made = Figure(figsize=(width, height), layout='constrained', dpi=110)
  FigureCanvasAgg(made)
  return made


def quiet(axes: Axes) -> None:
  """Removes decoration that carries no information."""
  axes.spines[['top', 'right']].set_visible(False)
  axes.tick_params(labelsize=8)


def say(axes: Axes, text: str) -> None:
  """Writes the reason for a missing picture in its place."""
  axes.set_axis_off()
  axes.text(0.5, 0.5, text, ha='center', va='center', wrap=True, color='#777777')


def stamp(made: Figure, words: str) -> None:
  """Writes words across a picture that is not to be taken for a result."""
  if words:
    middle = {'ha': 'center', 'va': 'center'}
    made.text(0.5, 0.5, words, middle, fontsize=34, color='#cc000055')


def png(made: Figure) -> bytes:
  """Returns the picture as a file."""
  buffer = io.BytesIO()
  made.savefig(buffer, format='png')
  return buffer.getvalue()
