r"""One curve of Figure 4 on a real cluster: Downpour, 16 padded replicas, Adagrad.

A replica sleeps until its step has lasted as long as in configs/figure4.py, where the
assumed costs of machines stand: 0.114 s of computing, and 0.167 s each for the fetch and
the push of 41,777,152 parameters. So two cores carry 16 replicas. All of it lies between
the fetch and the push, so that staleness is M - 1, as there.

Run:  python scripts/train.py --config=configs/figure4_cluster.py --workdir=runs/curve
Expect: three minutes; all curves by `distbelief reproduce`.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.num_steps = 2800
  config.eval_steps = 25
  config.data.num_utterances = 900  # 179,100 frames: none is seen twice.
  config.model.hidden_units = (128, 128)
  config.cluster.num_replicas = 16
  config.cluster.step_seconds = 0.448
  config.cluster.step_distribution = 'gamma'
  config.downpour.warmstart_steps = 100
  config.downpour.warmstart_optimizer = 'sgd'
  config.downpour.warmstart_learning_rate = 1.0
  config.server.learning_rate = 0.04
  config.telemetry.swarm_seconds = 0.0
  config.telemetry.pictures = False
  return config
