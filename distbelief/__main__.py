"""The process of `distbelief.train`: python -m distbelief CONFIG.json WORKDIR."""

import sys

from distbelief import run

if __name__ == '__main__':
  sys.exit(run.main(*sys.argv[1:]))
