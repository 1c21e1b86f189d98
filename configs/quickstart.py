r"""Downpour SGD on embedded synthetic speech, on four padded machines: the quickstart.

The acoustic network with two hidden layers, 4 model replicas, 2 parameter server shards,
the paper's Adagrad, n_fetch = n_push = 1 as in all of the paper's experiments. A step
takes 50 ms, of which it computes for a few, so that four machines fit on two cores.

Run:  scripts/quickstart.sh, or one of its four runs:
  python scripts/train.py --config=configs/quickstart.py --workdir=runs/downpour
  ... --config.algorithm=synchronous '--config.cluster.slowdown=(1, 1, 1, 4)'
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.num_steps = 1600
  config.eval_steps = 100
  config.target_accuracy = 0.3
  config.model.hidden_units = (256, 256)
  config.cluster.num_replicas = 4
  config.cluster.num_parameter_servers = 2
  config.cluster.step_seconds = 0.05
  # Each algorithm's best of the grid in paper_results/quickstart.
  config.server.learning_rate = 0.02
  config.synchronous.learning_rate = 0.04
  return config
