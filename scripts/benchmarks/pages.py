"""Screenshots of TensorBoard's tabs, and of any HTML file, by a headless Chromium."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from distbelief import errors
from distbelief.cluster.launch import linux

if TYPE_CHECKING:
  from playwright import sync_api

# No name but the loopback's is looked up and no proxy asked: nothing leaves the machine.
_CHROMIUM_FLAGS = (
  '--disable-dev-shm-usage',  # A container's /dev/shm is too small for it.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--no-proxy-server',
)
_SPINNERS = 'paper-spinner-lite:visible, mat-spinner:visible'
_PAUSE = 300  # Milliseconds between two checks of a page.
_CLOSED = 'button.heading:not([open-button])'


class View(NamedTuple):
  """The size of a picture, and the time limit."""

  width: int  # In pixels.
  height: int
  limit: float  # Time limit in seconds.


class _Tab(NamedTuple):
  """A tab's elements as CSS selectors; Playwright's search shadow roots as well."""

  drawn: str  # Exists once its data are drawn.
  frame: str = 'tf-category-paginated-view'  # Exists once the tab does.
  clicked: Sequence[str] = (_CLOSED,)  # Opens closed panes.


_TABS = {
  'scalars': _Tab('vz-line-chart2 path.symbol'),
  'custom_scalars': _Tab(  # The second click shows the legends.
    'vz-line-chart2 path.symbol', clicked=(_CLOSED, '.toggle-matches-button')
  ),
  'images': _Tab('tf-image-loader img'),
  'histograms': _Tab('vz-histogram-timeseries path.outline'),
  'distributions': _Tab('vz-distribution-chart path.area'),
  'text': _Tab('tf-text-loader tf-markdown-view'),
  'hparams': _Tab(
    'vaadin-grid-cell-content .table-cell', 'tf-hparams-table-view', clicked=()
  ),
  'timeseries': _Tab(  # Of its three kinds of cards, the scalars; without the settings.
    'scalar-card line-chart',
    'metrics-card-groups button.group-toolbar',
    (
      'button.group-toolbar:has([svgicon=expand_more_24px])',
      'button[data-value=scalars]',
      'button[aria-label="Toggle settings side pane"]',
    ),
  ),
}
TABS = tuple(_TABS)


@contextlib.contextmanager
def browser() -> Iterator[sync_api.Browser]:
  """Runs a headless Chromium.

  Raises:
    errors.UserError: If Playwright or Chromium is not installed.
  """
  try:
    from playwright import sync_api
  except ImportError as error:
    raise errors.UserError(
      "screenshots need Playwright: pip install -e '.[screenshots]'"
    ) from error
  chromium = shutil.which('chromium')
  if chromium is None:
    raise errors.UserError('screenshots need Chromium: apt install chromium')
  with sync_api.sync_playwright() as playwright:
    # No sandbox: root has none, nor has a container, and the pages are our own.
    running = playwright.chromium.launch(
      executable_path=chromium, args=_CHROMIUM_FLAGS, chromium_sandbox=False
    )
    with contextlib.closing(running):
      yield running


@contextlib.contextmanager
def tensorboard(logdir: Path, limit: float) -> Iterator[str]:
  """Runs TensorBoard on a free port of the loopback, and yields its address.

  Args:
    logdir: Directory of the runs. It is read once, before the address is yielded.
    limit: Time limit for the start, in seconds.

  Raises:
    errors.UserError: If it does not start.
  """
  if not logdir.is_dir():
    raise errors.UserError(f'{logdir} is no directory: name one with runs in it')
  command = [sys.executable, '-m', 'tensorboard.main', f'--logdir={logdir}']
  command += ['--host=127.0.0.1', '--port=0', '--load_fast=false']
  command += ['--reload_task=blocking', '--reload_interval=0']
  with tempfile.TemporaryFile() as log:
    child = subprocess.Popen(
      command,
      stdout=log,
      stderr=subprocess.STDOUT,
      preexec_fn=functools.partial(linux.die_with, os.getpid()),
    )
    try:
      yield _address(child, log.fileno(), limit)
    finally:
      child.kill()  # It has nothing to save.
      child.wait()


def tab(
  opened: sync_api.Browser, address: str, name: str, file: Path, view: View
) -> None:
  """Writes a picture of one of TensorBoard's tabs.

  Args:
    opened: Browser.
    address: Address of TensorBoard.
    name: Name of the tab, one of TABS.
    file: Path of the PNG file.
    view: Size of the picture; a wide table of hparams may make it up to twice as wide.

  Raises:
    errors.UserError: If the tab shows no data within the limit.
  """
  what = _TABS[name]
  shown = f'{name} ({what.drawn})'
  with _page(opened, f'{address}#{name}', shown, view) as (page, write):
    page.locator(f'{what.frame}:visible').first.wait_for()
    for selector in what.clicked:  # Not the mouse's clicks, which scroll.
      page.locator(selector).evaluate_all('all => all.forEach(one => one.click())')
    page.locator(f'{what.drawn}:visible').first.wait_for()
    if name == 'hparams':
      hidden = page.locator('vaadin-grid #table').evaluate(
        'table => table.scrollWidth - table.clientWidth'
      )
      # The pane beside the table takes a fifth of what is added.
      width = min(view.width + hidden * 5 // 4, 2 * view.width)
      page.set_viewport_size({'width': width, 'height': view.height})
    write(file)


def html(opened: sync_api.Browser, source: Path, file: Path, view: View) -> None:
  """Writes a picture of a whole HTML page.

  Args:
    opened: Browser.
    source: Path of the HTML file.
    file: Path of the PNG file.
    view: Size of the picture; the page's own height counts if it is larger.

  Raises:
    errors.UserError: If there is no such file, or it is not ready within the limit.
  """
  if not source.is_file():
    raise errors.UserError(f'{source} is no file: name an HTML file')
  with _page(opened, source.resolve().as_uri(), 'rest', view) as (_, write):
    write(file, full_page=True)


@contextlib.contextmanager
def _page(
  opened: sync_api.Browser, address: str, shown: str, view: View
) -> Iterator[tuple[sync_api.Page, Callable[..., None]]]:
  """Opens a page; yields it with a function that writes its picture once it is still."""
  from playwright import sync_api

  page = opened.new_page(viewport={'width': view.width, 'height': view.height})
  page.set_default_timeout(view.limit * 1000)
  deadline = time.monotonic() + view.limit
  requests = set()
  page.on('request', lambda request: requests.add(request))
  page.on('requestfinished', lambda request: requests.discard(request))
  page.on('requestfailed', lambda request: requests.discard(request))

  def write(file: Path, **options: Any) -> None:
    before, picture = None, b''
    while picture != before or requests or page.locator(_SPINNERS).count():
      if time.monotonic() > deadline:
        raise sync_api.TimeoutError('')
      page.wait_for_timeout(_PAUSE)
      before, picture = picture, page.screenshot(**options)
    file.write_bytes(picture)

  try:
    page.goto(address)
    yield page, write
  except sync_api.TimeoutError as error:
    raise errors.UserError(
      f'{address} shows no {shown} within {view.limit:g} s'
    ) from error
  finally:
    page.close()


def _address(child: subprocess.Popen[bytes], log: int, limit: float) -> str:
  deadline = time.monotonic() + limit
  while True:
    text = os.pread(log, 2**20, 0).decode(errors='replace')  # Moves no one's position.
    found = re.search(r'^TensorBoard \S+ at (\S+)', text, re.MULTILINE)
    if found:
      return found[1]
    if child.poll() is not None or time.monotonic() > deadline:
      last = (text.splitlines() or ['it says nothing'])[-1]
      raise errors.UserError(f'tensorboard did not start within {limit:g} s: {last}')
    time.sleep(_PAUSE / 1000)
