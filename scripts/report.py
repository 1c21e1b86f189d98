"""Compares runs on one page: python scripts/report.py --runs=DIR1,DIR2,...

The same as `distbelief report`: distbelief/command_line/report.py.
"""

import sys

from distbelief.command_line import report

if __name__ == '__main__':
  sys.exit(report.main(sys.argv))
