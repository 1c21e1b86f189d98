r"""One run of sync_vs_async: 10 replicas that wait for nobody, in simulated time.

Steps of 0.1 s that vary by 15 %, and a network that costs nothing but its latency, which
is 0 here. No warm start, since synchronous training has none; so the network has two
hidden layers: four of sigmoid units leave the plateau that they begin on too late.

Run:  python scripts/train.py --config=configs/sync_vs_async.py --workdir=runs/one \
  --clock=virtual
Expect: a quarter of a minute on one core; all runs by `distbelief reproduce`.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.num_steps = 1800
  config.eval_steps = 90
  config.data.batch_size = 32
  config.data.num_utterances = 400
  config.model.hidden_units = (128, 128)
  config.cluster.num_replicas = 10
  config.cluster.step_seconds = 0.1
  config.cluster.step_distribution = 'gamma'
  config.server.optimizer = 'sgd'
  config.server.learning_rate = 0.4
  config.telemetry.swarm_seconds = 0.0
  config.telemetry.pictures = False
  return config
