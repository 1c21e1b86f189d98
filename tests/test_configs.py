"""Every config file: what it says can be, and makes a model for its data."""

import pytest

from distbelief import config as config_lib
from distbelief import data
from distbelief.experiments import runs as experiment
from distbelief.problem import factory
from tests import runs

CONFIGS = sorted((runs.ROOT / 'configs').glob('*.py'))

PARAMETERS = {
  'asynchrony': 43_824,
  'cifar10': 3_282_826,
  'fashion_mnist': 269_322,
  'figure4': 112_176,
  'figure4_cluster': 79_152,
  'font_digits': 575_218,
  'imagenet2012': 45_458_000,
  'mnist': 269_322,
  'quickstart': 191_024,
  'side_by_side': 43_824,
  'speech_commands': 325_692,
  'spoken_digit': 323_122,
  'sync_vs_async': 79_152,
  'synthetic_speech': 322_608,
  'validation': 31_344,
}


def test_no_config_is_forgotten():
  assert [path.stem for path in CONFIGS] == sorted(PARAMETERS)
  assert set(data.built_ins()) < set(PARAMETERS)  # Each data set has one.


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_a_config_can_be_and_makes_its_model(path):
  config = experiment.load(path, {})
  config_lib.check(config)
  note = path.read_text().split('"""')[1]
  assert f'configs/{path.name}' in note or 'scripts/' in note
  source = factory.make_source(config)
  goal = factory.make_objective(config, source)
  assert goal.model.count_params() == PARAMETERS[path.stem]
  assert goal.has_accuracy and goal.model.output_shape == (None, source.num_classes)
