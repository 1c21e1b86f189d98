"""The paper's kind of image network (Section 5) on CIFAR-10, through TensorFlow Datasets.

Three stages of 16 maps of local filters on 10 x 10 patches, one-vs-all logistic output.

Run:     python scripts/train.py --config=configs/cifar10.py --workdir=runs/cifar10
Expect:  a download of 162 MB. Not trained for these pages, see configs/mnist.py.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.data.name = 'cifar10'
  config.model.name = 'image'
  config.model.num_maps = (16, 16, 16)
  config.cluster.num_replicas = 4
  config.cluster.num_parameter_servers = 2
  config.num_steps = 20_000  # 25.6 passes over the 50,000 images.
  config.eval_steps = 1000
  config.server.learning_rate = 0.01
  return config
