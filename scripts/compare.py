"""Shows finished runs side by side: python scripts/compare.py RUN [RUN ...].

The same as `distbelief compare`: distbelief/command_line/compare.py.
"""

import sys

from distbelief.command_line import compare

if __name__ == '__main__':
  sys.exit(compare.main(sys.argv))
