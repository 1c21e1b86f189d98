"""Trains as a config says: python scripts/train.py --config=FILE --workdir=DIR.

Without TF_CONFIG it starts the whole cluster on this machine; with TF_CONFIG it is one
task of a cluster (chief, worker or ps). --print_config lists every field. The same as
`distbelief train`: distbelief/command_line/train.py.
"""

import sys

from distbelief.command_line import train

if __name__ == '__main__':
  sys.exit(train.main(sys.argv))
