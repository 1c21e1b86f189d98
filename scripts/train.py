r"""Trains as a config says: python scripts/train.py --config=FILE --workdir=DIR.

Without TF_CONFIG it starts the whole cluster on this machine; with TF_CONFIG it plays its
own task of a cluster (chief, worker or ps). --print_config lists every field.
"""

import sys

from distbelief import command_line

if __name__ == '__main__':
  sys.exit(command_line.train(sys.argv))
