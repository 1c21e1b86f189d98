"""A data set and a network are a file each, whose name nobody else knows."""

import json

import pytest

from distbelief import data, models
from distbelief.declarations import built_in
from tests import copies, named

NAMES = {*data.built_ins(), *models.built_ins()}
IMAGES = copies.PACKAGE / 'data' / 'images.py'  # Where TensorFlow Datasets has 'image'.


@pytest.mark.parametrize('path', copies.SOURCES, ids=lambda path: path.stem)
def test_nobody_asks_for_a_built_in_name(path):
  names = NAMES - {'image'} if path == IMAGES else NAMES
  lines = named.asked_for(path.read_text(), names)
  assert not lines, f'{path}: let the file that declares the name say it instead'


@pytest.mark.parametrize('package', [data, models], ids=['data', 'models'])
def test_what_is_declared_is_what_the_module_says(package):
  for name, one in package.built_ins().items():
    module = one.load()
    assert (module.NAME, module.ORIGIN) == (one.name, one.origin) == (name, one.origin)
    assert callable(module.create)


def test_names_are_listed_by_origin():
  found = [built_in.BuiltIn(*'axm'), built_in.BuiltIn(*'bym'), built_in.BuiltIn(*'cxm')]
  assert built_in.listing(found) == 'a, c (x); b (y)'


DATA = '''"""Cats and dogs."""
from distbelief.data.images import Format, Images

NAME = 'cats_vs_dogs'
ORIGIN = 'TensorFlow Datasets'

def create(data, seed):
  format_ = Format((64, 64, 3), 2, 'https://nowhere', one_size=False)
  return Images(NAME, format_, seed, data.shuffle_buffer)
'''

MODEL = '''"""A linear classifier."""
import keras

NAME = 'linear'
ORIGIN = 'the simplest'

def create(model, spec, num_classes, seed):
  shape = spec[0].shape[1:]
  layers = [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(num_classes)]
  return keras.Sequential(layers)

def loss():
  return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
'''

ASK = """
import json, sys
from distbelief import config as config_lib
config = config_lib.default_config()
config.data.name, config.model.name = 'cats_vs_dogs', 'linear'
config_lib.check(config)
told = config_lib.describe(config)
light = 'tensorflow' not in sys.modules
from distbelief.problem import factory
source = factory.make_source(config)
objective = factory.make_objective(config, source)
print(json.dumps([light, told, source.num_classes, objective.shapes]))
"""


def test_a_data_set_and_a_network_are_a_file_each(tmp_path):
  files = {'data/cats.py': DATA, 'models/straight.py': MODEL}
  result = copies.run_python(ASK, copies.of_package(tmp_path / 'copy', files))
  assert result.returncode == 0, result.stderr
  light, told, classes, shapes = json.loads(result.stdout.splitlines()[-1])
  assert light
  assert '# cats_vs_dogs, cifar10, ' in told and 'linear (the simplest)' in told
  assert classes == 2 and shapes == [[64 * 64 * 3, 2], [2]]
