"""`python -m distbelief`: the same as the console command `distbelief`."""

import sys

from distbelief.command_line.main import main

if __name__ == '__main__':
  sys.exit(main())
