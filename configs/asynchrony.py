r"""Three replicas with known sleeps, to check timelines and staleness against arithmetic.

Steps of 100 ms that vary by 15 % (constant ones fall into phase), 2 shards; the acoustic
network is small, so that computing and moving parameters cost little of that.

Run:  python scripts/reproduce.py --experiment=asynchrony
Expect: see paper_results/asynchrony.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.num_steps = 600
  config.eval_steps = 300
  config.data.num_utterances = 200
  config.model.hidden_units = (64, 64, 64, 64)
  config.cluster.num_replicas = 3
  config.cluster.num_parameter_servers = 2
  config.cluster.step_seconds = 0.1
  config.cluster.step_distribution = 'gamma'
  return config
