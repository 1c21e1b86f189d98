r"""Downpour SGD with Adagrad on the embedded synthetic speech: the quickstart.

The paper's acoustic network (Section 5) at a tenth of its width, 4 model replicas, 2
parameter server shards, n_fetch = n_push = 1 as in all of the paper's experiments.

Run:  python scripts/train.py --config=configs/quickstart.py --workdir=runs/quickstart
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.num_steps = 8000
  config.eval_steps = 1000
  config.data.num_utterances = 2000
  config.cluster.num_replicas = 4
  config.cluster.num_parameter_servers = 2
  # Replicas that start together on empty sums all move by gamma in the same direction;
  # one replica alone fills the sums first (Section 4.1).
  config.downpour.warmstart_steps = 400
  config.server.optimizer = 'adagrad'
  config.server.learning_rate = 0.05
  return config
