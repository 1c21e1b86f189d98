"""Downpour SGD on handwritten digits (MNIST, through TensorFlow Datasets).

A network of two sigmoid layers on the 784 pixels.

Run:     python scripts/train.py --config=configs/mnist.py --workdir=runs/mnist
Expect:  a download of 12 MB. Not trained for these pages: the machine that wrote them
  reaches no data set. Reading and training are tested on mock data.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.data.name = 'mnist'
  config.model.hidden_units = (256, 256)
  config.cluster.num_replicas = 4
  config.cluster.num_parameter_servers = 2
  config.num_steps = 10_000  # 10.7 passes over the 60,000 images.
  config.eval_steps = 1000
  config.server.learning_rate = 0.01
  return config
