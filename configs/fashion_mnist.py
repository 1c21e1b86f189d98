"""Downpour SGD on pictures of clothes (Fashion-MNIST, through TensorFlow Datasets).

Run:     python scripts/train.py --config=configs/fashion_mnist.py --workdir=runs/clothes
Expect:  a download of 30 MB. Not trained for these pages, see configs/mnist.py.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.data.name = 'fashion_mnist'
  config.model.hidden_units = (256, 256)
  config.cluster.num_replicas = 4
  config.cluster.num_parameter_servers = 2
  config.num_steps = 10_000  # 10.7 passes over the 60,000 images.
  config.eval_steps = 1000
  config.server.learning_rate = 0.01
  return config
