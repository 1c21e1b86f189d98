"""Recomputes a run from its records: python scripts/replay.py --run=DIR.

The same as `distbelief replay`: distbelief/command_line/replay.py.
"""

import sys

from distbelief.command_line import replay

if __name__ == '__main__':
  sys.exit(replay.main(sys.argv))
