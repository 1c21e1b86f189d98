"""Writes a run as a Chrome trace: python scripts/trace.py --run=DIR [--output=FILE].

The same as `distbelief trace`: distbelief/command_line/trace.py.
"""

import sys

from distbelief.command_line import trace

if __name__ == '__main__':
  sys.exit(trace.main(sys.argv))
