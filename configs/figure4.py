r"""One curve of Figure 4: Downpour with 20 replicas and Adagrad, in simulated time.

The network that trains is small; the one that is paid for is the paper's, 41,777,152
parameters. A replica is eight machines, which compute 2.2 times as fast as one (Section
5, Figure 3). Assumed, since the paper does not say: minibatches of 100, 100 GFLOP/s and
1 Gbit/s a machine, and parameter servers enough to keep up. So a replica computes for
0.114 s, and fetches and pushes for 0.167 s each.

Run:  python scripts/train.py --config=configs/figure4.py --workdir=runs/curve \
  --clock=virtual
Expect: a minute and a half on one core; all curves by `distbelief reproduce`.
"""

import distbelief

_PARAMETERS, _BATCH_SIZE = 41_777_152, 100  # That are paid for.
_MACHINES, _SPEED_UP = 8, 2.2


def get_config():
  config = distbelief.default_config()
  config.num_steps = 20_000
  config.eval_steps = 250
  config.data.batch_size = 32
  config.data.num_utterances = 3400  # 676,600 frames: none is seen twice.
  config.model.hidden_units = (128, 128, 128, 128)
  config.cluster.num_replicas = 20
  config.cluster.step_distribution = 'gamma'
  config.downpour.warmstart_steps = 2000
  config.downpour.warmstart_optimizer = 'sgd'
  config.downpour.warmstart_learning_rate = 1.0
  config.server.learning_rate = 0.02
  config.simulation.charged_parameters = _PARAMETERS
  config.simulation.compute_seconds = 6 * _PARAMETERS * _BATCH_SIZE / (_SPEED_UP * 1e11)
  config.simulation.replica_bandwidth = _MACHINES * 125e6
  config.telemetry.swarm_seconds = 0.0
  config.telemetry.pictures = False
  return config
