"""Runs an experiment again: python scripts/reproduce.py --experiment=NAME | --list.

The same as `distbelief reproduce`: distbelief/command_line/reproduce.py.
"""

import sys

from distbelief.command_line import reproduce

if __name__ == '__main__':
  sys.exit(reproduce.main(sys.argv))
