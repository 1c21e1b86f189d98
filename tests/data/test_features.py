"""Log-mel energies against a slow truth in plain NumPy."""

import numpy as np
import pytest

from distbelief.data import features


def slow_log_mel(samples):
  """[S] to [T, 40], one frame, one band and one bin at a time."""
  hertz = np.arange(257) * 8000 / 512
  mel = 1127 * np.log(1 + hertz / 700)
  corners = np.linspace(1127 * np.log(1 + 60 / 700), 1127 * np.log(1 + 4000 / 700), 42)
  hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 200)
  frames = []
  for start in range(0, len(samples) - 199, 80):
    window = np.zeros(512)
    window[:200] = samples[start : start + 200] * hann
    power = np.abs(np.fft.fft(window)[:257]) ** 2
    energies = []
    for low, centre, high in zip(corners, corners[1:], corners[2:]):
      energy = 0.0
      for m, p in zip(mel[1:], power[1:]):  # The bin at 0 Hz belongs to no band.
        weight = min((m - low) / (centre - low), (high - m) / (high - centre))
        energy += max(weight, 0) * p
      energies.append(np.log(energy + 1e-6))
    frames.append(energies)
  return np.array(frames)


def test_log_mel_equals_the_slow_truth():
  random = np.random.default_rng(0)
  samples = 0.1 * random.standard_normal(1000) + np.sin(np.arange(1000) * 0.7)
  fast = features.log_mel(samples.astype(np.float32)).numpy()
  np.testing.assert_allclose(fast, slow_log_mel(samples), atol=2e-4)


def test_every_band_hears_something_and_silence_is_finite():
  impulse = np.zeros(200, np.float32)
  impulse[100] = 1
  assert features.log_mel(impulse).numpy().min() > -3
  assert np.isfinite(features.log_mel(np.zeros(400, np.float32))).all()


@pytest.mark.parametrize('samples, frames', [(200, 1), (279, 1), (280, 2), (8000, 98)])
def test_only_whole_windows_become_frames(samples, frames):
  assert features.log_mel(np.zeros(samples, np.float32)).shape == (frames, 40)


def test_loudness_and_channel_do_not_matter():
  random = np.random.default_rng(0)
  samples = random.standard_normal(4000).astype(np.float32)
  frames = features.log_mel(samples)
  channel = np.linspace(-1, 1, 40, dtype=np.float32)
  normal = features.normalise(frames)
  np.testing.assert_allclose(np.mean(normal, axis=0), np.zeros(40), atol=1e-5)
  np.testing.assert_allclose(features.normalise(frames + channel), normal, atol=1e-5)
  louder = features.log_mel(3 * samples)
  np.testing.assert_allclose(features.normalise(louder), normal, atol=1e-4)
