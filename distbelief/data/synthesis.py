"""A formant synthesiser: speech with exactly known labels, a function of the seed.

Source and filter: a pulse train (voice) and noise (friction), shaped by a cascade of
four resonances whose frequencies glide from one phone's targets to the next one's.
Every utterance has a speaker (length of the vocal tract, pitch), a channel (tilt,
noise), durations and inaccuracies of its own.

So that depth matters, sonorants are shifted around with the register of the voice (as
dialects shift vowels, only more so): the phone follows from formants and pitch together,
and each of the two must be found in the spectrum first.

Dimensions: U utterances, P phones, T frames, S samples, F frequencies of a spectrum.
"""

import math

import numpy as np
import tensorflow as tf

from distbelief.data import features

NUM_FRAMES = 200  # T of every utterance: 2 s.
_NUM_SAMPLES = features.WINDOW + (NUM_FRAMES - 1) * features.HOP

# F1 to F4 in Hz, levels of voice and of friction in dB. F1 to F3 of the vowels are the
# men's averages of Peterson and Barney, "Control methods used in a study of the
# vowels", JASA 24(2), 1952, Table II; the other numbers are round ones of ours.
_OFF = -60
_PHONES = {
  'iy': (270, 2290, 3010, 3500, 0, _OFF),
  'ih': (390, 1990, 2550, 3500, 0, _OFF),
  'eh': (530, 1840, 2480, 3500, 0, _OFF),
  'ae': (660, 1720, 2410, 3500, 0, _OFF),
  'aa': (730, 1090, 2440, 3500, 0, _OFF),
  'ao': (570, 840, 2410, 3500, 0, _OFF),
  'uh': (440, 1020, 2240, 3500, 0, _OFF),
  'uw': (300, 870, 2240, 3500, 0, _OFF),
  'ah': (640, 1190, 2390, 3500, 0, _OFF),
  'er': (490, 1350, 1690, 3500, 0, _OFF),
  'm': (250, 1000, 2200, 3500, -10, _OFF),
  'n': (250, 1500, 2500, 3500, -10, _OFF),
  'l': (350, 1100, 2700, 3500, -5, _OFF),
  's': (2600, 3300, 3600, 3900, _OFF, -40),
  'sh': (1800, 2400, 2700, 3700, _OFF, -30),
  'z': (2600, 3300, 3600, 3900, -10, -40),
}
_NUM_SONORANTS = 13  # The first rows: vowels, nasals, liquid.
_REGISTERS = (70.0, 120.0, 205.0, 350.0)  # Pitch of a voice, in Hz.
_SHIFT = 3  # A register higher, a sonorant sounds like the one so many rows on.

_STATES = 3  # Equal parts of a phone, as in a hidden Markov model.
NUM_CLASSES = len(_PHONES) * _STATES

# Ranges of the other quantities that vary, uniformly.
_TRACT = (0.85, 1.18)  # A speaker's resonances, as factors on the table's.
_PITCH = (0.95, 1.05)  # A speaker's pitch, as a factor on the register's.
_TILT = (-3.0, 3.0)  # A channel's, in dB per octave.
_SNR = (20.0, 40.0)  # A channel's, in dB.
_DURATION = (6.0, 15.0)  # A phone's, in frames.
_INTONATION = (0.95, 1.05)  # A phone's pitch, as a factor on the speaker's.
_ARTICULATION = (0.97, 1.03)  # A phone's resonances, as factors on the speaker's.

_MAX_PHONES = math.ceil(NUM_FRAMES / _DURATION[0])
_FRAME = 2 * features.HOP  # Synthesis frame: half-overlapping Hann windows add up to 1.
_FFT = 256


def draw(seed: tf.Tensor, index: tf.Tensor) -> dict[str, tf.Tensor]:
  """Returns all random numbers of an utterance, uniform in [0, 1).

  Args:
    seed: Seed of all utterances, [2] int64.
    index: Index of the utterance, scalar int64.
  """
  own = tf.random.experimental.stateless_fold_in(seed, index)
  seeds = tf.random.experimental.stateless_split(own, 3)
  return {
    # Tract, register, pitch, tilt, signal-to-noise ratio.
    'speaker': tf.random.stateless_uniform([5], seeds[0]),
    # Choice of the phone, duration, intonation, articulation of F1 to F4.
    'phones': tf.random.stateless_uniform([_MAX_PHONES, 7], seeds[1]),
    # Friction and the channel's noise.
    'noise': tf.random.stateless_uniform([2, _NUM_SAMPLES], seeds[2]),
  }


def synthesise(draws: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
  """Returns samples [U, S] float32 in about -1..1 and labels [U, T] int32.

  Args:
    draws: Random numbers of U utterances from `draw`, stacked.
  """
  tract, register, pitch, tilt, snr = tf.unstack(draws['speaker'][:, :, None], axis=1)
  friction, background = tf.unstack(draws['noise'] - 0.5, axis=1)
  register = tf.cast(register * len(_REGISTERS), tf.int32)
  pitch = tf.gather(_REGISTERS, register) * _between(_PITCH, pitch)
  labels, resonances, pitch, voice, hiss = _articulate(
    draws['phones'], _between(_TRACT, tract), register, pitch
  )
  source = voice * _frames(_pulses(pitch)) + hiss * _frames(friction)
  speech = _filter(source, resonances, _between(_TILT, tilt))
  loudness = tf.math.reduce_std(speech, axis=1, keepdims=True)
  noise = background * math.sqrt(12) * _decibel(-_between(_SNR, snr))
  return 0.1 * (speech / loudness + noise), labels


def _articulate(
  phones: tf.Tensor, tract: tf.Tensor, register: tf.Tensor, pitch: tf.Tensor
) -> tuple[tf.Tensor, ...]:
  """Returns a sequence of phones as tracks over time.

  Args:
    phones: Random numbers of the phones, [U, P, 7] uniform.
    tract: Factor of the speaker's resonances, [U, 1].
    register: Register of the speaker, [U, 1] int32.
    pitch: Pitch of the speaker in Hz, [U, 1].

  Returns:
    Labels [U, T] int32; resonances [U, T, 4] and pitch [U, T] in Hz; amplitudes of
    voice and of friction, both [U, T, 1].
  """
  which, duration, intonation = tf.unstack(phones[:, :, :3], axis=2)
  # Steps of at least 1 around the table: no phone follows itself.
  steps = 1 + tf.cast(which * (len(_PHONES) - 1), tf.int32)
  phone = tf.cumsum(steps, axis=1) % len(_PHONES)
  shifted = (phone + _SHIFT * register) % _NUM_SONORANTS
  sound = tf.where(phone < _NUM_SONORANTS, shifted, phone)
  targets = tf.gather(np.array(list(_PHONES.values()), np.float32), sound)
  resonances = (
    targets[:, :, :4] * tract[:, :, None] * _between(_ARTICULATION, phones[:, :, 3:])
  )
  pitch = pitch * _between(_INTONATION, intonation)

  duration = _between(_DURATION, duration)
  end = tf.cumsum(duration, axis=1)
  time = tf.range(NUM_FRAMES, dtype=tf.float32)
  segment = tf.searchsorted(end, tf.tile(time[None], [tf.shape(end)[0], 1]), 'right')

  def over_time(x: tf.Tensor) -> tf.Tensor:
    return tf.gather(x, segment, batch_dims=1)

  left = (over_time(end) - time) / over_time(duration)  # Rest of the phone, in (0, 1].
  left = tf.minimum(left, 1.0)  # Where rounding made it more.
  state = _STATES - tf.cast(tf.math.ceil(left * _STATES), tf.int32)
  labels = over_time(phone) * _STATES + state

  # Coarticulation: smoothing over 50 ms lets each target glide into the next one.
  tracks = [tf.math.log(resonances), tf.math.log(pitch)[:, :, None], targets[:, :, 4:]]
  tracks = over_time(tf.concat(tracks, axis=2))
  for _ in range(2):
    tracks = tf.nn.avg_pool1d(tracks, 3, 1, 'SAME')
  resonances, pitch, levels = tf.split(tracks, [4, 1, 2], axis=2)
  voice, hiss = tf.split(_decibel(levels), 2, axis=2)
  return labels, tf.exp(resonances), tf.exp(pitch[:, :, 0]), voice, hiss


def _pulses(pitch: tf.Tensor) -> tf.Tensor:
  """Returns a train of pulses [U, T * HOP] at a pitch [U, T] in Hz."""
  cycles = tf.cumsum(tf.repeat(pitch / features.SAMPLE_RATE, features.HOP, axis=1), 1)
  whole = tf.math.floor(cycles)
  return 5 * tf.pad(whole[:, 1:] - whole[:, :-1], [[0, 0], [1, 0]])


def _frames(samples: tf.Tensor) -> tf.Tensor:
  """Cuts samples [U, S] into the frames of synthesis, [U, T, _FRAME]."""
  samples = samples[:, : NUM_FRAMES * features.HOP]
  return tf.signal.frame(samples, _FRAME, features.HOP, pad_end=True)


def _filter(source: tf.Tensor, resonances: tf.Tensor, tilt: tf.Tensor) -> tf.Tensor:
  """Returns samples [U, S]: the source through a cascade of resonances and a channel.

  Args:
    source: Frames of the source, [U, T, _FRAME].
    resonances: Resonances in Hz, [U, T, 4].
    tilt: Tilt of the channel in dB per octave, [U, 1].
  """
  hertz = tf.linspace(0.0, features.SAMPLE_RATE / 2, _FFT // 2 + 1)
  octaves = tf.math.log(tf.maximum(hertz, 60.0) / 1000.0) / math.log(2)
  inverse = tf.cast(_decibel(-tilt * octaves), tf.complex64)[:, None]  # [U, 1, F]
  for resonance in tf.split(resonances, 4, axis=2):
    ratio = hertz / resonance  # [U, T, F]
    damping = 0.05 + 50.0 / resonance  # Bandwidth over frequency.
    inverse *= tf.complex(1 - ratio**2, ratio * damping)
  spectrum = tf.signal.rfft(source * tf.signal.hann_window(_FRAME), [_FFT]) / inverse
  waves = tf.signal.irfft(spectrum, [_FFT])
  return tf.signal.overlap_and_add(waves, features.HOP)[:, :_NUM_SAMPLES]


def _between(ends: tuple[float, float], uniform: tf.Tensor) -> tf.Tensor:
  low, high = ends
  return low + (high - low) * uniform


def _decibel(level: tf.Tensor) -> tf.Tensor:
  return 10.0 ** (level / 20.0)
