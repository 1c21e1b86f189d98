"""The paper's image network (Section 5), small, on digits drawn from fonts.

Three stages of 8 local filters on 10 x 10 patches, 575,218 parameters, one-vs-all
logistic output; 10,000 images of 28 x 28 pixels to train on, no download. For softmax
regression on the same data add
--config.model.name=acoustic '--config.model.hidden_units=()'.

Run:     python scripts/train.py --config=configs/font_digits.py --workdir=runs/fonts
Expect:  about half a minute on 2 cores; accuracies: see paper_results/font_digits.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.model.name = 'image'
  config.data.name = 'font_digits'
  config.cluster.num_replicas = 2
  config.server.learning_rate = 0.02
  config.num_steps = 1000
  config.eval_steps = 200
  config.target_accuracy = 0.9
  return config
