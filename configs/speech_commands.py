"""Downpour SGD on spoken commands (Speech Commands v0.02) as frame classification.

60 states of 12 words, with the acoustic network of configs/spoken_digit.py.

Run:     python scripts/train.py --config=configs/speech_commands.py --workdir=runs/words
Expect:  a download of 2.4 GB. Not trained for these pages, see configs/mnist.py.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.data.name = 'speech_commands'
  config.cluster.num_replicas = 4
  config.cluster.num_parameter_servers = 2
  config.num_steps = 300_000  # 2.3 passes over some 8.3 million frames.
  config.eval_steps = 10_000
  config.downpour.warmstart_steps = 800
  config.server.learning_rate = 0.02
  return config
