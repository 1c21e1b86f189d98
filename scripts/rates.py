"""Finds each algorithm's best rate on a grid of them, for one config.

The same as `distbelief rates`: distbelief/command_line/rates.py.
"""

import sys

from distbelief.command_line import rates

if __name__ == '__main__':
  sys.exit(rates.main(sys.argv))
