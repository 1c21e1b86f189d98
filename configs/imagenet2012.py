"""The paper's image network (Section 5) on ImageNet's 1,000 public classes, 100 x 100.

45,458,000 parameters: three stages of 8 local filters on 10 x 10 patches, one-vs-all
logistic output. The paper had 16 million images of 21,000 classes, and up to 1.7 billion
parameters. The images are read again for every epoch, as they do not fit into memory.

Run:     python scripts/train.py --config=configs/imagenet2012.py --workdir=runs/imagenet
Expect:  TensorFlow Datasets to ask for the two archives, which one must fetch by hand
  (144 GB). Not trained for these pages, see configs/mnist.py.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.data.name = 'imagenet2012'
  config.data.shuffle_buffer = 10_000
  config.data.batch_size = 100
  config.model.name = 'image'
  config.model.num_maps = (8, 8, 8)
  config.model.stride = 1
  config.cluster.num_replicas = 8
  config.cluster.num_parameter_servers = 4
  config.num_steps = 128_000  # 10 passes over the 1,281,167 images.
  config.eval_steps = 10_000
  config.downpour.warmstart_steps = 2000
  config.server.learning_rate = 0.01
  return config
