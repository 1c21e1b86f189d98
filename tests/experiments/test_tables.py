"""Tables as text."""

from distbelief.experiments import tables


def test_markdown():
  assert tables.markdown(('a', 'long head'), [('x', '1.50'), ('yy', '-')]) == (
    '| a   | long head   |\n'
    '|-----|-------------|\n'
    '| x   | 1.50        |\n'
    '| yy  | -           |'
  )


def test_narrow_text():
  assert tables.text(('a', 'n'), [('xyz', '1.50'), ('y', '-')], num_left=1) == (
    'a      n\n--- ----\nxyz 1.50\ny      -'
  )
