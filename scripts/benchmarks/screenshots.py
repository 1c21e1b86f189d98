r"""Screenshots for the documentation: TensorBoard's tabs, or an HTML page.

python scripts/benchmarks/screenshots.py --logdir=RUNS --output=FOLDER
python scripts/benchmarks/screenshots.py --page=FILE.html --output=FOLDER

--logdir takes TensorBoard's tabs, each in a PNG file: scalars.png, hparams.png, ...
--page takes that page instead, whole, once for each of --widths.

Needs Chromium (apt install chromium) and Playwright (pip install -e '.[screenshots]').
"""

import pathlib
import sys

import pages
from absl import flags

from distbelief import errors
from distbelief.command_line import parsing
from distbelief.command_line.program import program

_WORDS = '--logdir=RUNS | --page=FILE.html --output=FOLDER'


@program
def main(argv: list[str]) -> int:
  """Takes all pictures; returns an exit status."""
  values = flags.FlagValues()
  logdir = flags.DEFINE_string('logdir', None, 'The directory of the runs.', values)
  page = flags.DEFINE_string('page', None, 'An HTML file.', values)
  output = flags.DEFINE_string('output', None, 'The folder of the PNG files.', values)
  tabs = flags.DEFINE_list(
    'tabs',
    'scalars,custom_scalars,images,histograms,hparams,text',
    f'Tabs of TensorBoard: any of {", ".join(pages.TABS)}.',
    values,
  )
  width = flags.DEFINE_integer(
    'width', 1400, "Width of TensorBoard's tabs, in pixels.", 200, flag_values=values
  )
  height = flags.DEFINE_integer(
    'height', 1000, 'Least height of a picture, in pixels.', 200, flag_values=values
  )
  widths = flags.DEFINE_list(
    'widths', '1400,420', 'Widths of the page, in pixels.', values
  )
  limit = flags.DEFINE_float(
    'limit', 60, 'Time limit of each picture, in seconds.', 1, flag_values=values
  )
  words = parsing.parse(values, argv, _WORDS)
  if words is None:
    return errors.DONE
  parsing.refuse_words(words, parsing.usage(argv, _WORDS))
  if bool(logdir.value) == bool(page.value):
    raise errors.UserError('name either --logdir=RUNS or --page=FILE.html')
  if unknown := set(tabs.value) - set(pages.TABS):
    raise errors.UserError(f'--tabs ({min(unknown)}) must be of {", ".join(pages.TABS)}')
  if not all(text.isdecimal() and int(text) for text in widths.value):
    raise errors.UserError(f'--widths ({",".join(widths.value)}) must be pixels')
  folder = pathlib.Path(parsing.required(output, argv, _WORDS))
  view = pages.View(width.value, height.value, limit.value)
  with pages.browser() as browser:
    folder.mkdir(parents=True, exist_ok=True)
    if page.value:
      source = pathlib.Path(page.value)
      for pixels in map(int, widths.value):
        file = folder / f'{source.stem}-{pixels}.png'
        pages.html(browser, source, file, view._replace(width=pixels))
        print(file)
      return errors.DONE
    with pages.tensorboard(pathlib.Path(logdir.value), limit.value) as address:
      for name in tabs.value:
        file = folder / f'{name}.png'
        pages.tab(browser, address, name, file, view)
        print(file)
  return errors.DONE


if __name__ == '__main__':
  sys.exit(main())
