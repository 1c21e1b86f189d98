r"""Screenshots for the documentation: python scripts/screenshots.py --logdir=RUNS.

--logdir=RUNS takes TensorBoard's tabs, each in a PNG file: scalars.png, hparams.png, ...
--page=FILE.html takes that page instead, whole, once for each of --widths.

Needs Chromium (apt install chromium) and Playwright (pip install -e '.[screenshots]').
"""

import pathlib
import sys

from absl import app, flags

from distbelief import errors
from distbelief.experiments import screenshots

_LOGDIR = flags.DEFINE_string('logdir', None, "TensorBoard's: the directory of the runs.")
_PAGE = flags.DEFINE_string('page', None, 'An HTML file.')
_OUTPUT = flags.DEFINE_string('output', None, 'Where the PNG files go.', required=True)
_TABS = flags.DEFINE_list(
  'tabs',
  'scalars,custom_scalars,images,histograms,hparams,text',
  f'What of TensorBoard: any of {", ".join(screenshots.TABS)}.',
)
_WIDTH = flags.DEFINE_integer('width', 1400, "Of TensorBoard's tabs, in pixels.", 200)
_HEIGHT = flags.DEFINE_integer('height', 1000, 'The least for a page, in pixels.', 200)
_WIDTHS = flags.DEFINE_list('widths', '1400,420', 'Of the page, in pixels.')
_LIMIT = flags.DEFINE_float('limit', 60, 'How long each may take, in seconds.', 1)

flags.mark_flags_as_mutual_exclusive(['logdir', 'page'], required=True)
flags.register_validator(
  'tabs',
  lambda names: set(names) <= set(screenshots.TABS),
  f'must be of {", ".join(screenshots.TABS)}',
)
flags.register_validator(
  'widths', lambda widths: all(w.isdecimal() and int(w) for w in widths), 'pixels'
)


def main(unused_argv: list[str]) -> None:
  """Takes all pictures."""
  folder = pathlib.Path(_OUTPUT.value)
  view = screenshots.View(_WIDTH.value, _HEIGHT.value, _LIMIT.value)
  try:
    with screenshots.browser() as browser:
      folder.mkdir(parents=True, exist_ok=True)
      if _PAGE.value:
        page = pathlib.Path(_PAGE.value)
        for width in map(int, _WIDTHS.value):
          file = folder / f'{page.stem}-{width}.png'
          screenshots.html(browser, page, file, view._replace(width=width))
          print(file)
        return
      with screenshots.tensorboard(pathlib.Path(_LOGDIR.value), _LIMIT.value) as address:
        for name in _TABS.value:
          file = folder / f'{name}.png'
          screenshots.tab(browser, address, name, file, view)
          print(file)
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    sys.exit(error.status)


if __name__ == '__main__':
  app.run(main)
