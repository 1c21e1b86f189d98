"""Draws the figures of the documentation: python docs/figures/draw.py.

Plain SVG: no other program is needed to see or to draw them. The measured ones are made
from the files in paper_results.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS = FOLDER.parents[1] / 'paper_results'

INK, GREY, PALE = '#22313a', '#8795a1', '#eef2f4'
GREEN, RED, BLUE, AMBER = '#2a9d8f', '#e76f51', '#0072b2', '#e69f00'
_FONT = 'font-family="Helvetica, Arial, DejaVu Sans, sans-serif"'


class Figure:
  """Shapes, collected and written as one SVG."""

  def __init__(self, width: int, height: int, title: str) -> None:
    """Starts with a white ground.

    Args:
      width: Width in pixels.
      height: Height in pixels.
      title: Title that screen readers say.
    """
    self._parts = [
      f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
      f'width="{width}" height="{height}" role="img" {_FONT} font-size="13">',
      f'<title>{escape(title)}</title>',
      '<defs>',
      *(_arrow_head(name, colour) for name, colour in _HEADS.items()),
      '</defs>',
      f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]

  def text(
    self,
    x: float,
    y: float,
    words: str,
    colour: str = INK,
    anchor: str = 'middle',
    size: int = 13,
    bold: bool = False,
  ) -> None:
    """Writes lines, which are separated by line breaks in `words`."""
    weight = ' font-weight="bold"' if bold else ''
    for number, line in enumerate(words.split('\n')):
      self._parts.append(
        f'<text x="{x:g}" y="{y + 1.3 * size * number:g}" fill="{colour}" '
        f'text-anchor="{anchor}" font-size="{size}"{weight}>{escape(line)}</text>'
      )

  def box(
    self,
    x: float,
    y: float,
    width: float,
    height: float,
    words: str = '',
    fill: str = PALE,
    edge: str = GREY,
    bold: bool = False,
  ) -> None:
    """Draws a rectangle with lines in its middle."""
    self._parts.append(
      f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4" '
      f'fill="{fill}" stroke="{edge}"/>'
    )
    if words:
      lines = words.count('\n') + 1
      top = y + height / 2 - 17 * (lines - 1) / 2 + 4.5
      self.text(x + width / 2, top, words, bold=bold)

  def line(
    self,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str = INK,
    head: bool = True,
    dashed: bool = False,
    width: float = 1.4,
  ) -> None:
    """Draws a straight line, by default an arrow."""
    marker = f' marker-end="url(#{_NAMES[colour]})"' if head else ''
    dashes = ' stroke-dasharray="5 4"' if dashed else ''
    self._parts.append(
      f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" '
      f'stroke="{colour}" stroke-width="{width:g}"{dashes}{marker}/>'
    )

  def dot(self, x: float, y: float, colour: str, radius: float = 5) -> None:
    """Draws a filled circle."""
    self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{colour}"/>')

  def svg(self) -> str:
    """Returns the file."""
    return '\n'.join([*self._parts, '</svg>', ''])


_HEADS = {'ink': INK, 'grey': GREY, 'green': GREEN, 'red': RED, 'blue': BLUE}
_NAMES = {colour: name for name, colour in _HEADS.items()}


def _arrow_head(name: str, colour: str) -> str:
  return (
    f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
    f'markerHeight="8" orient="auto-start-reverse"><path d="M0 0 L8 4 L0 8 z" '
    f'fill="{colour}"/></marker>'
  )


# Sequence diagrams: who tells whom what, from top to bottom.

_ROW, _TOP = 34, 62


class SequenceDiagram:
  """A sequence diagram; each call adds a row."""

  def __init__(
    self, title: str, actors: Sequence[str], rows: float, width: int = 760
  ) -> None:
    """Draws the life lines.

    Args:
      title: Title that screen readers say.
      actors: Names of those who take part, from left to right.
      rows: Rows that the diagram has room for.
      width: Width in pixels.
    """
    height = int(_TOP + rows * _ROW + 14)
    self.figure = Figure(width, height, title)
    gap = width / len(actors)
    self._at = {name: gap * (i + 0.5) for i, name in enumerate(actors)}
    self._width, self._bottom, self._y = width, height - 10, float(_TOP + 22)
    for name, x in self._at.items():
      self.figure.box(x - 62, 10, 124, 40, name, bold=True)
      self.figure.line((x, 50), (x, self._bottom), GREY, head=False, dashed=True)

  def says(
    self, who: str, whom: str, words: str, colour: str = INK, dashed: bool = False
  ) -> None:
    """Draws a message."""
    start, end = self._at[who], self._at[whom]
    aside = 4 if end > start else -4
    self._label((start + end) / 2, self._y - 6, words, colour)
    self.figure.line((start, self._y), (end - aside, self._y), colour, dashed=dashed)
    self._y += _ROW

  def does(self, who: str, words: str, fill: str = PALE, rows: float = 1) -> None:
    """Draws what one of them does by itself; `words` may have several lines."""
    width = 7.0 * max(map(len, words.split('\n'))) + 14
    x = min(max(self._at[who] - width / 2, 3), self._width - width - 3)
    height = rows * _ROW - 8
    self.figure.box(x, self._y - 22, width, height, words, fill)
    self._y += rows * _ROW

  def phase(self, words: str) -> None:
    """Draws a line across, with the name of what follows."""
    self.figure.line((6, self._y - 14), (self._width - 6, self._y - 14), GREY, head=False)
    width = 7.4 * len(words)
    self.figure.box(8, self._y - 9, width, 16, fill='#ffffff', edge='#ffffff')
    self.figure.text(10, self._y + 3, words, BLUE, anchor='start', bold=True)
    self._y += _ROW * 0.9

  def _label(self, x: float, y: float, words: str, colour: str) -> None:
    width = 6.6 * len(words)
    self.figure.box(x - width / 2, y - 11, width, 14, fill='#ffffff', edge='#ffffff')
    self.figure.text(x, y, words, colour, size=12)


def architecture() -> str:
  """Who there is, and what goes from where to where."""
  f = Figure(760, 470, 'Tasks of a Downpour run and what they exchange')
  f.text(90, 24, 'data', bold=True)
  f.text(286, 24, 'workers', bold=True)
  f.text(610, 24, 'parameter server (ps tasks)', bold=True)
  f.box(474, 38, 272, 210, fill='#ffffff')
  for i in range(3):
    y = 40 + 78 * i
    name = str(i) if i < 2 else 'M-1'
    f.box(20, y, 140, 50, f'subset {name}')
    f.line((160, y + 25), (206, y + 25), GREY)
    f.box(210, y, 152, 50, f'replica {name}\ncomputes gradients', '#dff2ef', GREEN)
    f.line((362, y + 17), (470, y + 17), RED)
    f.line((474, y + 35), (366, y + 35), GREEN)
    f.text(418, y + 11, 'push', RED, size=12)
    f.text(418, y + 49, 'fetch', GREEN, size=12)
  for i in range(2):
    words = f'shard {i}\nslice of the parameters, slots,\nversion, clients, log'
    f.box(490, 50 + 84 * i, 240, 72, words)
  f.text(610, 226, 'each push and each fetch\ngoes to every shard', GREY, size=12)
  f.box(490, 262, 240, 44, 'pool of steps (on ps 0)\ngrants steps to the replicas')
  f.line((256, 246), (256, 328), INK)
  f.line((316, 328), (316, 250), INK)
  f.text(248, 290, 'results', size=12, anchor='end')
  f.text(324, 290, 'windows of steps', size=12, anchor='start')
  f.box(210, 332, 152, 56, 'chief\nkeeps the run', '#e4eef7', BLUE)
  f.line((738, 248), (738, 360), INK, head=False)
  f.line((738, 360), (366, 360), INK)
  f.text(486, 353, "the shards' logs, versions, parameters", size=12)
  f.line((286, 388), (286, 418), BLUE)
  f.box(
    90,
    422,
    580,
    34,
    'run directory: step records, metrics, checkpoints, TensorBoard, model, summary',
    '#ffffff',
  )
  return f.svg()


def push() -> str:
  """One blocking step with n_fetch = n_push = 1, and how it gets on record."""
  s = SequenceDiagram(
    'A fetch, a gradient and a push, with two shards',
    ('replica', 'shard 0', 'shard 1', 'chief'),
    17.4,
  )
  s.says('replica', 'shard 0', 'fetch', GREEN)
  s.says('shard 0', 'replica', 'slice at version 7', GREEN, dashed=True)
  s.says('replica', 'shard 1', 'fetch', GREEN)
  s.says('shard 1', 'replica', 'slice at version 8', GREEN, dashed=True)
  s.does('replica', 'gradient of the\nnext minibatch', '#dff2ef', 1.5)
  s.does('replica', 'accrued += gradient')
  s.says('replica', 'shard 0', 'push, from version 7', RED)
  s.does('shard 0', 'lock: version 9 -> 10\nstaleness 10-1-7 = 2', '#fbe3dc', 1.5)
  s.says('shard 0', 'replica', 'applied', RED, dashed=True)
  s.says('replica', 'shard 1', 'push, from version 8', RED)
  s.does('shard 1', 'lock: version 9 -> 10\nstaleness 10-1-8 = 1', '#fbe3dc', 1.5)
  s.says('shard 1', 'replica', 'applied', RED, dashed=True)
  s.says('chief', 'shard 1', 'poll', BLUE)
  s.says('shard 1', 'chief', 'log, version', BLUE, dashed=True)
  s.says('chief', 'shard 0', 'poll', BLUE)
  s.says('shard 0', 'chief', 'log, version', BLUE, dashed=True)
  return s.figure.svg()


def kill() -> str:
  """A worker is killed, comes back, and a push of its former life is dropped."""
  s = SequenceDiagram(
    'A worker is killed and rejoins',
    ('supervisor', 'replica 1', 'shards', 'pool', 'chief'),
    20.3,
    900,
  )
  s.phase('It works: incarnation 0')
  s.says('replica 1', 'pool', 'take: up to 20 steps', INK)
  s.says('pool', 'replica 1', '20 granted', INK, dashed=True)
  s.says('replica 1', 'shards', 'push (1, 0, 0) ... push (1, 0, 11)', RED)
  s.does('shards', 'clients[1]: last push 11,\nnext step 12, 12 counted', '#fbe3dc', 1.5)
  s.phase('kill -9 in the middle of the window')
  s.says('supervisor', 'replica 1', 'forks it again', BLUE)
  s.says('chief', 'replica 1', 'the coordinator schedules the window anew', BLUE)
  s.phase('It rejoins: incarnation 1')
  s.says('replica 1', 'shards', 'register', GREEN)
  s.does('shards', 'from now on pushes of\nincarnation 0 are dropped', '#fbe3dc', 1.5)
  s.says('shards', 'replica 1', 'you are 1, step 12 is next', GREEN, dashed=True)
  s.says('replica 1', 'pool', 'reset my grant to 12', INK)
  s.does('pool', '8 steps are free again')
  s.says('replica 1', 'shards', 'fetch', GREEN)
  s.says('shards', 'replica 1', 'parameters of now', GREEN, dashed=True)
  s.does('replica 1', 'goes on with step 12', '#dff2ef')
  s.says('replica 1', 'shards', 'push (1, 1, 0)', RED)
  s.says('shards', 'chief', 'log: applied, or lost', BLUE, dashed=True)
  return s.figure.svg()


def restart() -> str:
  """A parameter server is lost: all go back to one checkpoint."""
  s = SequenceDiagram(
    'A parameter server is lost and the run is resumed',
    ('you', 'launcher', 'chief', 'shards', 'run directory'),
    14.9,
    900,
  )
  s.says('chief', 'run directory', 'checkpoint at step 600', BLUE)
  s.says('shards', 'chief', 'logs up to step 740', BLUE, dashed=True)
  s.phase('kill -9 of ps 1')
  s.says('launcher', 'run directory', 'ps-1.error.json', RED)
  s.does('launcher', 'stops all tasks')
  s.says('launcher', 'you', 'the cause, status 134', RED)
  s.phase('The same command again')
  s.says('you', 'launcher', 'distbelief train ...', INK)
  s.says('run directory', 'chief', 'newest checkpoint: step 600', BLUE)
  s.says('chief', 'run directory', 'steps 600 to 740: undone', BLUE)
  s.says('chief', 'shards', 'restore: all at step 600', GREEN)
  s.does('shards', 'slices, slots, versions,\nclients of the checkpoint', '#fbe3dc', 1.5)
  s.does('chief', 'trains from step 600 on;\nreplicas register as new ones', rows=1.5)
  return s.figure.svg()


def staleness() -> str:
  """What staleness is: three replicas, one shard, counted push by push."""
  f = Figure(760, 306, 'How staleness is counted, with three replicas and one shard')
  left, scale = 96, 6.2
  lanes = {'A': 60, 'B': 120, 'C': 180}
  colours = {'A': BLUE, 'B': AMBER, 'C': GREEN}
  for name, y in lanes.items():
    f.text(left - 14, y + 5, f'replica {name}', anchor='end')
  f.text(left - 14, 245, 'shard', anchor='end')
  f.line((left, 240), (740, 240), INK)
  f.text(745, 300, 'time', GREY, anchor='end', size=12)
  # Cycles as (fetch, push), in order of their pushes; a fetch follows each push.
  cycles = [
    *(('A', 0, 28), ('B', 0, 37), ('C', 0, 46)),
    *(('A', 28, 60), ('B', 37, 69), ('C', 46, 78)),
    *(('A', 60, 92), ('B', 69, 101)),
  ]
  pushes = [push for _, _, push in cycles]
  for version, (name, fetch, push_) in enumerate(cycles, start=1):
    y, start, end = lanes[name], left + scale * fetch, left + scale * push_
    held = sum(p <= fetch for p in pushes)
    f.box(start + 1, y - 14, end - start - 3, 28, '', '#ffffff', colours[name])
    f.text((start + end) / 2, y + 5, f'holds version {held}', size=12)
    f.line((end, y + 14), (end, 236), GREY, width=1)
    f.dot(end, 240, colours[name])
    f.text(end, 262, f'v{version}', size=12)
    f.text(end, 280, f'{version}-1-{held} = {version - 1 - held}', RED, size=10)
  f.text(left - 14, 280, 'staleness', RED, anchor='end', size=12)
  f.text(
    left,
    28,
    'each box: one minibatch, from a fetch to the push of its gradient',
    GREY,
    anchor='start',
    size=12,
  )
  return f.svg()


# What was measured.

_CASES = (
  ('equal: mean staleness', '3 equal replicas: M - 1'),
  ('latency T/2: mean staleness', 'latency of half a step: (M - 1)(T + L) / (T + 2L)'),
  ('overlapped: mean staleness', 'overlapped: about 2M - 1'),
  ('n_fetch = n_push = 3: mean staleness', 'n_fetch = n_push = 3'),
  ('one of three 4x slower: mean staleness', 'one of three 4x slower: all together'),
  ('one of three 4x slower: staleness of the slow', '    the slow one: 4 (M - 1)'),
  ('one of three 4x slower: staleness of a fast', '    a fast one: 1 + 1/4'),
  ('synchronous: staleness', 'synchronous'),
)


def measured() -> str:
  """Staleness by arithmetic and as measured, from paper_results/asynchrony."""
  claims = json.loads((RESULTS / 'asynchrony' / 'asynchrony.json').read_text())['claims']
  f = Figure(760, 60 + 36 * len(_CASES) + 34, 'Mean staleness: theory and measurement')
  left, scale = 350, 46
  bottom = 52 + 36 * len(_CASES)
  f.text(left, 24, 'mean staleness', anchor='start', bold=True)
  f.line((470, 20), (500, 20), INK, head=False, width=3)
  f.text(506, 24, 'theory', anchor='start')
  f.dot(580, 20, RED)
  f.text(590, 24, 'median of 5 runs', anchor='start')
  for value in range(9):
    x = left + scale * value
    f.line((x, 44), (x, bottom), '#dde3e7', head=False, width=1)
    f.text(x, bottom + 18, str(value), size=12)
  for number, (start, label) in enumerate(_CASES):
    (claim,) = [claim for claim in claims if claim['claim'].startswith(start)]
    y = 66 + 36 * number
    f.text(20, y + 5, label.replace('    ', '\u2003\u2003'), anchor='start')
    x = left + scale * claim['theory']
    f.line((x, y - 11), (x, y + 11), INK, head=False, width=3)
    f.dot(left + scale * claim['median'], y, RED)
  return f.svg()


FIGURES = {
  'architecture': architecture,
  'push': push,
  'kill': kill,
  'restart': restart,
  'staleness': staleness,
  'measured-staleness': measured,
}


def main() -> None:
  """Writes all figures."""
  for name, figure in FIGURES.items():
    (FOLDER / f'{name}.svg').write_text(figure())


if __name__ == '__main__':
  main()
