r"""Downpour SGD with Adagrad on real speech: the spoken digits of FSDD, 50 states.

Run:  python scripts/train.py --config=configs/spoken_digit.py --workdir=runs/digits
Expect: about a minute and a half on 2 cores; hold-out frame accuracy and how it compares
  with one replica's: see paper_results/spoken_digit.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.data.name = 'spoken_digit'
  config.data.batch_size = 64
  config.cluster.num_replicas = 4
  config.cluster.num_parameter_servers = 2
  config.num_steps = 10_000  # 7.3 passes over the 87,904 training frames.
  config.eval_steps = 1000
  config.downpour.warmstart_steps = 800  # Without it, 4 replicas start on empty sums.
  config.server.learning_rate = 0.02
  return config
