r"""Downpour SGD with Adagrad on real speech: the spoken digits of FSDD, 50 states."""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.data.name = 'spoken_digit'
  config.data.batch_size = 64
  config.cluster.num_replicas = 4
  config.cluster.num_parameter_servers = 2
  config.num_steps = 10_000
  config.eval_steps = 1000
  config.downpour.warmstart_steps = 800
  config.server.learning_rate = 0.02
  return config
