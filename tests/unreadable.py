"""A user's file whose data are missing when it is imported."""

import pathlib

ROWS = pathlib.Path('nowhere.csv').read_text()
