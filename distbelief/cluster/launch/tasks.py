"""The body of each task of a cluster, and the check before."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import ml_collections
import tensorflow as tf

from distbelief import config as config_lib
from distbelief.cluster import serving
from distbelief.cluster.launch import environment
from distbelief.problem import preflight
from distbelief.rundir.context import RunContext
from distbelief.telemetry import numerics


def check(config: ml_collections.ConfigDict, warn: Callable[[str], None]) -> None:
  """Tries the model and the data, before any task uses them; `warn` shows a line.

  Raises:
    errors.UserError: Names the field, its value and the remedy.
  """
  # Raises if there is no GPU where one is wanted.
  environment.visible_gpus(
    'worker', 0, config.cluster.device, environment.gpus(os.environ)
  )
  run_preflight(config, warn)


def run_preflight(config: ml_collections.ConfigDict, warn: Callable[[str], None]) -> None:
  """Tries the model and the data, without a GPU; `warn` shows a line."""
  os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
  preflight.run(config, warn)


def run(
  job: str,
  index: int,
  tf_config: Mapping[str, Any],
  context: RunContext,
  wait_for_preflight: Callable[[], None],
) -> None:
  """Runs one task of a cluster on this machine to its end."""
  config = context.config
  visible = environment.visible_gpus(
    job, index, config.cluster.device, environment.gpus(os.environ)
  )
  os.environ['CUDA_VISIBLE_DEVICES'] = visible
  # Replicas share the processors that this process may use, under a batch system not all;
  # more threads would only slow them down.
  processors = len(os.sched_getaffinity(0))
  threads = max(1, processors // len(tf_config['cluster']['worker']))
  if job == 'worker':
    numerics.announce(context.workdir, job, index, threads, visible != '-1')
  algorithm = config_lib.algorithm(config)
  if job in algorithm.directed_jobs:
    serving.serve(job, index, tf_config, threads=threads)
    return
  if job == 'worker':
    tf.config.threading.set_intra_op_parallelism_threads(threads)
  train = algorithm.trainer('cluster')
  train(context, tf_config, lambda: None, wait_for_preflight).run()
