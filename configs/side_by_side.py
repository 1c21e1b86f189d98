r"""Downpour and synchronous SGD on padded machines, for measuring time, not accuracy.

4 replicas whose steps take 100 ms; the acoustic network at a fortieth of the paper's
width, so that computing and moving parameters cost little of that.

Run:  python scripts/reproduce.py --experiment=side_by_side
Expect: see paper_results/side_by_side.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.num_steps = 780
  config.eval_steps = 780
  config.data.num_utterances = 200
  config.model.hidden_units = (64, 64, 64, 64)
  config.cluster.num_replicas = 4
  config.cluster.num_parameter_servers = 2
  config.cluster.step_seconds = 0.1
  return config
