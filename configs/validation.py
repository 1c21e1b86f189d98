r"""Clusters that are padded, for the simulator to predict.

Steps of 200 ms that vary by 15 %, 1 shard, a network so small that two cores host 20
replicas, and long windows: the processor is not what they wait for.

Run:  python scripts/reproduce.py --experiment=simulator_validation
Expect: see paper_results/simulator.
"""

import distbelief


def get_config():
  config = distbelief.default_config()
  config.num_steps = 200
  config.eval_steps = 5
  config.target_accuracy = 0.2
  config.data.num_utterances = 300
  config.model.hidden_units = (64,)
  config.cluster.num_replicas = 1
  config.cluster.step_seconds = 0.2
  config.cluster.step_distribution = 'gamma'
  config.downpour.window_steps = 100
  config.server.learning_rate = 0.05
  config.telemetry.swarm_seconds = 0.0
  config.telemetry.pictures = False
  return config
