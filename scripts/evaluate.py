"""Scores a saved model on a config's hold-out data.

Run:  python scripts/evaluate.py --model=DIR/model.keras --config=configs/quickstart.py
"""

import sys

from distbelief import command_line

if __name__ == '__main__':
  sys.exit(command_line.evaluate(sys.argv))
