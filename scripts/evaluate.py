"""Scores a saved model: scripts/evaluate.py --model=DIR/model.keras --config=FILE.

The same as `distbelief evaluate`: distbelief/command_line/evaluate.py.
"""

import sys

from distbelief.command_line import evaluate

if __name__ == '__main__':
  sys.exit(evaluate.main(sys.argv))
