"""Converts a waveform to the input frames of a network: normalised log-mel energies.

Section 5 of the paper: 11 consecutive overlapping 25 ms frames of 40 log-energy values
each are stacked (by `table`) to 440 inputs. Hop, FFT and mel scale are ours.

Dimensions: S samples, T frames of an utterance.
"""

import tensorflow as tf

SAMPLE_RATE = 8000  # Hz, of most of the speech.
WINDOW = 200  # Samples at that rate: 25 ms.
HOP = 80  # Samples: 10 ms.
FFT = 512  # Points; at 8 kHz, 256 would leave low mel bands without any bin.
NUM_MEL = 40
CONTEXT = 5  # Frames on either side of the centre one.
NUM_INPUTS = (2 * CONTEXT + 1) * NUM_MEL

# Added to each mel energy before the logarithm, so that digital silence is finite: more
# than the quantisation noise of 16 bits (1e-8), less than any speech.
_FLOOR = 1e-6

# Typical standard deviation of a log-mel energy within an utterance.
_DEVIATION = 2.5


def log_mel(samples: tf.Tensor, sample_rate: int = SAMPLE_RATE) -> tf.Tensor:
  """Returns log-mel energies, [..., T, NUM_MEL] float32.

  Args:
    samples: Samples of the waveform, [..., S] float32 in -1..1.
    sample_rate: Sample rate in Hz: SAMPLE_RATE or a multiple.
  """
  scale = sample_rate // SAMPLE_RATE
  window, fft = WINDOW * scale, FFT * scale
  windows = tf.signal.frame(samples, window, HOP * scale) * tf.signal.hann_window(window)
  spectrum = tf.signal.rfft(windows, [fft])
  power = tf.math.real(spectrum) ** 2 + tf.math.imag(spectrum) ** 2
  mel = tf.signal.linear_to_mel_weight_matrix(
    NUM_MEL,
    fft // 2 + 1,
    sample_rate,
    lower_edge_hertz=60.0,
    upper_edge_hertz=sample_rate / 2,
  )
  return tf.math.log(tf.linalg.matmul(power, mel) + _FLOOR)


def normalise(frames: tf.Tensor) -> tf.Tensor:
  """Returns an utterance's frames with mean 0 in each mel band, at about unit scale.

  The mean of a log-energy over an utterance is its speaker's loudness and channel.
  Subtracting it needs no statistics of other utterances: nothing depends on subsets.

  Args:
    frames: Frames of whole utterances, [..., T, NUM_MEL] float32.
  """
  return (frames - tf.reduce_mean(frames, axis=-2, keepdims=True)) / _DEVIATION
