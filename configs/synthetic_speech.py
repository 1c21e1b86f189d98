r"""Every field at its default: Downpour SGD on synthetic speech, 2 replicas, 1 shard.

Run:  python scripts/train.py --config=configs/synthetic_speech.py --workdir=runs/first
"""

import distbelief


def get_config():
  return distbelief.default_config()
