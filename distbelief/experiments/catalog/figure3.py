"""Figure 3 of the paper, by a model of costs: model parallelism within a replica."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from distbelief.experiments import figure3, page, tables, verdicts
from distbelief.experiments.experiment import Experiment, Result
from distbelief.experiments.figure3 import SPEECH, Costs, Network

_NETWORKS: dict[str, Network] = {'speech, fully connected': SPEECH, **figure3.IMAGES}
_MACHINES = (1, 2, 4, 8, 16, 32, 64, 128)
_SQUARES = (1, 4, 9, 16, 36, 64, 81, 144)
_PAGE = page.Page(
  title='Figure 3: the speed-up of model parallelism',
  question=(
    'Why does the fully connected speech network gain nothing beyond eight machines, '
    'while networks with local connections go on gaining? This project does not split a '
    'model over machines; a model of the costs answers.'
  ),
  source_numbers=(
    'Section 5: the speech network with 42 million parameters is fastest on 8 machines, '
    '2.2 times as fast as on one, and slower on more. The image network with 1.7 billion '
    'parameters is more than 12 times as fast on 81 machines. The more parameters, the '
    'more machines are of use.'
  ),
  caption=(
    'Speed-up T(1) / T(N) of a minibatch of 100. *assumed*: machines of 2012, which the '
    'paper does not describe: 100 GFLOP/s, 1 Gbit/s, equal times, and 0.36 ms a message, '
    'chosen so that eight machines are fastest for speech: the model explains that '
    'number, it does not predict it. '
    '*measured here*: speed and spread of this machine, with the link assumed; a '
    'message costs what one over TCP between two processes of this machine does.'
  ),
  deviations=(
    'A model of costs, no run: computing as 1/N and the slowest of N, the bytes that '
    'cross a border, a fixed cost of a message.',
    'The image networks have three stages without pooling and normalisation, with 8, 16 '
    'and 36 nodes at a position (97 million, 348 million and 1.65 billion parameters).',
    'Waiting for the slowest machine is counted once a minibatch, not once a layer, so '
    'that speed-ups on many machines are too large.',
  ),
)


def run(
  workdir: Path, *, widths: tuple[int, ...] = SPEECH.widths, stamp: str = ''
) -> Result:
  """Measures the costs here, and computes all speed-ups."""
  from distbelief.experiments import machine_costs

  here, measured = machine_costs.measure(widths)
  costs = {
    'assumed': figure3.ASSUMED,
    'measured here': here._replace(bytes_per_second=figure3.ASSUMED.bytes_per_second),
  }
  number, factor = figure3.best(SPEECH, max(_MACHINES), figure3.ASSUMED)
  largest = list(figure3.IMAGES.values())[-1]
  on_81 = figure3.speed_up(largest, [81], figure3.ASSUMED)[0]
  judged = [verdicts.judge('C1', [number], {}), verdicts.judge('C2', [on_81], {})]
  fields = {
    'costs': {name: own._asdict() for name, own in costs.items()},
    'measured': {**measured, 'bytes_per_second': here.bytes_per_second},
    'speech': {'parameters': SPEECH.parameters, 'machines': number, 'speed_up': factor},
    'speed_ups': _speed_ups(costs),
  }
  found = page.Found(_table(costs), judged, _picture(costs, stamp), fields)
  return page.of_model('figure3', _PAGE, found)


def _speed_ups(costs: dict[str, Costs]) -> dict[str, Any]:
  found: dict[str, Any] = {}
  for name, own in costs.items():
    found[name] = {
      'speech': dict(zip(_MACHINES, figure3.speed_up(SPEECH, _MACHINES, own).tolist()))
    }
    for label, network in figure3.IMAGES.items():
      values = figure3.speed_up(network, _SQUARES, own).tolist()
      found[name][label] = dict(zip(_SQUARES, values))
  return found


def _table(costs: dict[str, Costs]) -> str:
  rows = []
  for name, own in costs.items():
    for label, network in _NETWORKS.items():
      tried = _MACHINES if network is SPEECH else _SQUARES
      found = figure3.speed_up(network, tried, own)
      place = int(np.argmax(found))
      at_81 = figure3.speed_up(network, [8 if network is SPEECH else 81], own)[0]
      rows.append(
        (
          label,
          f'{network.parameters / 1e6:,.0f} M',
          name,
          f'{tried[place]}' + ' or more' * (place == len(tried) - 1),
          f'{found[place]:.1f}',
          f'{at_81:.1f} on {8 if network is SPEECH else 81}',
        )
      )
  head = ('network', 'parameters', 'costs', 'fastest on', 'speed-up', "on the paper's")
  return tables.markdown(head, rows)


def _picture(costs: dict[str, Costs], stamp: str) -> bytes:
  from distbelief.pictures import against

  panels = [
    against.Panel(
      'machines of a replica',
      'T(1) / T(N)',
      {
        label: against.Line(
          tried,
          [[value] for value in figure3.speed_up(network, tried, own)],
        )
        for label, network in _NETWORKS.items()
        for tried in [_MACHINES if network is SPEECH else _SQUARES]
      },
    )
    for own in costs.values()
  ]
  return against.picture(panels, f'left: {"; right: ".join(costs)}', stamp)


EXPERIMENT = Experiment(
  name='figure3',
  question='Why do dense networks gain from few machines, and local ones from many?',
  claims='C1 and C2, by a model (experiments/claims.toml)',
  minutes=2,
  output='paper_results/figure3/figure3.json',
  run=run,
  quick={'widths': (440, 64, 64, 48), 'stamp': 'quick: no result'},
)
