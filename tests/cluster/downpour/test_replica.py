"""One replica's windows on real shards, against plain formulas."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from distbelief.cluster.downpour import update, versions
from distbelief.sampling import seeds
from distbelief.telemetry import records
from distbelief.telemetry import steps as steps_lib
from tests import in_process, slow_truth, zoo

STEPS = 50
ALPHA, RATE = 0.3, 0.2
NO_SEED = tf.constant([0, 0], tf.int64)


def make(cluster, num_shards=2, **fields):
  config = in_process.small_config(
    **{
      'downpour.learning_rate': ALPHA,
      'server.optimizer': 'sgd',
      'server.learning_rate': RATE,
      **fields,
    }
  )
  return in_process.Cluster(cluster[0], config, num_replicas=1, num_shards=num_shards)


def plain_downpour(run, n_fetch, n_push):
  """The appendix' client and an SGD server, in NumPy; returns (server, pushes, sum)."""
  server = [p.numpy().astype(np.float64) for p in run.objective.initial]
  accrued = [np.zeros_like(p) for p in server]
  total = [np.zeros_like(p) for p in server]
  pushes = 0
  for step in range(STEPS):
    if step % n_fetch == 0:
      params = [p.copy() for p in server]
    gradient = slow_truth.gradient(params, *run.minibatch(0, step))
    accrued = [a + g for a, g in zip(accrued, gradient)]
    total = [t + g for t, g in zip(total, gradient)]
    params = [p - ALPHA * g for p, g in zip(params, gradient)]
    if step % n_push == 0:
      server = [p - RATE * a for p, a in zip(server, accrued)]
      accrued = [np.zeros_like(a) for a in accrued]
      pushes += 1
  left = max(np.abs(a).max() for a in accrued) > 0
  server = [p - RATE * a for p, a in zip(server, accrued)]
  flat = np.concatenate([p.ravel() for p in server])
  return flat, pushes + left, np.concatenate([t.ravel() for t in total])


@pytest.mark.parametrize('n_push', [1, 2, 3])
@pytest.mark.parametrize('n_fetch', [1, 2, 3])
def test_equals_plain_formulas_whatever_the_windows(cluster, n_fetch, n_push):
  fields = {'downpour.n_fetch': n_fetch, 'downpour.n_push': n_push}
  run = make(cluster, **fields)
  found = []
  for lengths in ([1] * STEPS, [STEPS + 10], [7, 1, 13, 3, 11, 15]):
    run.start_over()
    done = 0
    for length in lengths:
      done = min(done + length, STEPS)
      run.grant(done)
      result = run.replica.window()
      assert int(result.taken) == min(length, STEPS)
    assert int(run.replica.window().taken) == 0  # Pushes what is left.
    look = run.server.poll()
    assert look.steps == STEPS and look.left == 0
    found.append((run.parameters(), look))
  truth, pushes, total = plain_downpour(run, n_fetch, n_push)
  for parameters, look in found:
    np.testing.assert_allclose(parameters, truth, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(parameters, found[0][0])  # To the bit.
    assert look.versions.tolist() == [pushes] * 2
    initial = np.concatenate([p.numpy().ravel() for p in run.objective.initial])
    # The sum of all pushes is the sum of all gradients.
    np.testing.assert_allclose((initial - parameters) / RATE, total, rtol=1e-4, atol=1e-5)


def test_a_window_reads_its_state_then_marks_it_then_writes_it(cluster):
  # By the graph: that the three happen in another order is rare, and no run shows it.
  window = make(cluster).replica.window.get_concrete_function()
  operations = window.graph.get_operations()

  @functools.cache
  def before(op):
    if op.type == 'Placeholder':
      return set()  # An argument of the function; the graph may say otherwise.
    direct = [*(tensor.op for tensor in op.inputs), *op.control_inputs]
    return set(direct).union(*(before(one) for one in direct))

  reads = {op for op in operations if op.type == 'ReadVariableOp'}
  writes = [op for op in operations if op.type == 'AssignVariableOp']
  mark, incarnation = writes[:2]
  assert len(writes) == 1 + len(reads)
  assert reads <= before(mark)
  assert mark in before(incarnation)  # Else the replica registers anew now and then.
  for result in window.graph.outputs:
    assert set(writes) <= before(result.op)


@pytest.mark.parametrize('overlap', [False, True])
def test_records_of_one_replica(cluster, tmp_path, overlap):
  run = make(
    cluster,
    num_shards=3,
    **{'downpour.n_fetch': 3, 'downpour.n_push': 2, 'downpour.overlap': overlap},
  )
  recorder = records.Recorder(tmp_path / 'steps' / '000.bin', 3, 1, [4] * 3)
  for limit in (4, 11, 20, 20):
    run.grant(limit)
    result = run.replica.window()
    recorder.add_window((0, 0), result.pushes.numpy(), result.pending.numpy())
    for shard, log in enumerate(run.server.poll().logs):
      recorder.add_log(shard, log)
  found = records.read(tmp_path)
  assert found['step'].tolist() == list(range(20))
  assert found['batch'].tolist() == list(range(20))
  fetches = [step for step in range(20) if step % 3 == (1 if overlap else 0)]
  fresh = sorted({0, *fetches})
  assert np.flatnonzero(found['fresh']).tolist() == fresh
  assert np.flatnonzero(found['opens_window']).tolist() == [0, 4, 11]
  ends = np.flatnonzero(found['pushed'])
  assert ends.tolist() == [*range(0, 20, 2), 19]
  assert found['gradients'][ends].tolist() == [1, *[2] * 9, 1]
  assert (np.arange(1, 12) == found['version_applied'][ends].T).all()
  assert (found['status'] == steps_lib.Status.APPLIED).all()
  assert (np.diff(found['version_held'], axis=0) >= 0).all()
  derived = records.derived_staleness(found)
  assert found['staleness'].tolist() == derived.tolist() and derived.max() > 0
  assert (found['compute_end'] >= found['compute_start']).all()
  assert (found['push_end'][ends] >= found['push_start'][ends]).all()
  assert np.isnan(found['push_end'][~found['pushed']]).all()

  def gradient_at(params, replica, step):
    return slow_truth.gradient(params, *run.minibatch(replica, step))

  initial = [p.numpy() for p in run.objective.initial]
  truth = slow_truth.Truth(initial, 3, 'sgd', RATE, ALPHA, gradient_at).replay(found)
  np.testing.assert_allclose(run.parameters(), truth, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(('n_push', 'window'), [(1, 4), (3, 1), (3, 2), (3, 50)])
def test_a_replica_tells_where_it_and_the_server_are(cluster, n_push, window):
  fields = {'downpour.n_fetch': 2, 'downpour.n_push': n_push}
  run = make(cluster, **fields, **{'telemetry.swarm_seconds': 1e-6})
  sketch, before, pushed = run.server.sketch, run.server.weights().params, 0
  for end in range(window, 6 * window, window):
    run.grant(end)
    (marks,), (sketches,) = run.replica.window().samples
    parameters, server, gradient = sketches.numpy()
    time, replica, incarnation, step = marks.numpy()
    assert (replica, incarnation, step) == (0, 0, end) and time > 1e9
    state = run.replica._variables
    held = [variable.read_value() for variable in state.weights.params]
    np.testing.assert_allclose(parameters, sketch.of(held), rtol=1e-4, atol=1e-5)
    after = run.server.weights().params
    np.testing.assert_allclose(server, sketch.of(after), rtol=1e-4, atol=1e-5)
    count = (end - 1) // n_push + 1
    if count == pushed + 1:  # Else the window had none, or several.
      moved = [(b - a) / RATE for b, a in zip(before, after)]
      np.testing.assert_allclose(gradient, sketch.of(moved), rtol=1e-3, atol=1e-4)
    before, pushed = after, count


def test_a_replica_does_not_tell_too_often(cluster):
  run = make(cluster, **{'telemetry.swarm_seconds': 3600.0})
  told = []
  for end in (5, 10, 15):
    run.grant(end)
    told.append(len(run.replica.window().samples.marks))
  assert told == [1, 0, 0]


def test_n_1_blocking_equals_one_process_sgd(cluster):
  run = make(cluster)
  run.grant(STEPS)
  run.replica.window()
  params = [tf.Variable(p) for p in run.objective.initial]
  for step in range(STEPS):
    inputs, labels = run.minibatch(0, step)
    with tf.GradientTape() as tape:
      logits = run.objective.outputs(params, [], inputs)
      losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
      loss = tf.reduce_mean(losses)
    for variable, gradient in zip(params, tape.gradient(loss, params)):
      variable.assign_sub(RATE * gradient)
  flat = np.concatenate([p.numpy().ravel() for p in params])
  np.testing.assert_allclose(run.parameters(), flat, rtol=1e-5, atol=1e-6)


def test_a_gradient_that_is_not_finite_is_dropped_and_counted(cluster):
  config = in_process.small_config(**{'server.optimizer': 'sgd', 'downpour.n_push': 2})
  poisoned = in_process.RandomData(poisoned_step=4)
  run = in_process.Cluster(cluster[0], config, 1, 2, source=poisoned)
  run.grant(8)
  run.replica.window()
  run.replica.window()
  look = run.server.poll()
  assert look.steps == 8 and look.left == 0
  version, status = look.logs[0][:, 0], look.logs[0][:, 1]
  # Pushes carry steps 0, 1-2, 3-4, 5-6, 7.
  dropped, applied = steps_lib.Status.DROPPED, steps_lib.Status.APPLIED
  assert status.tolist() == [applied] * 3 + [dropped] * 2 + [applied] * 3
  assert version.tolist() == [1, 2, 2, 2, 2, 3, 3, 4]
  assert np.isfinite(run.parameters()).all()


def test_a_window_that_died_registers_anew_and_its_steps_return(cluster):
  run = make(cluster, **{'downpour.n_push': 3})
  run.grant(5)  # Pushes after steps 0 and 3; step 4 stays accrued.
  run.replica.window()
  run.forget()
  run.grant(10)
  assert run.server.poll().left == 5
  result = run.replica.window()
  assert int(result.incarnation) == 1
  assert int(result.taken) == 6  # Step 4 is done again.
  look = run.server.poll()
  steps = look.logs[0][:, len(steps_lib.LOG_COLUMNS) + steps_lib.COLUMN['step']]
  assert steps.tolist() == [4, 5, 6, 7, 8, 9]


def test_a_replica_that_is_reclaimed_gives_its_steps_back_and_registers_anew(cluster):
  run = make(cluster, **{'downpour.n_push': 3})
  run.grant(5)  # Pushes after steps 0 and 3; step 4 stays accrued.
  run.replica.window()
  assert run.server.poll().left == 0
  run.server.reclaim(0)
  look = run.server.poll()
  assert look.left == 1 and look.incarnations.tolist() == [1]
  run.grant(7)
  assert int(run.replica.window().incarnation) == 0  # Its push is refused.
  assert run.server.poll().steps == 4
  assert int(run.replica.window().incarnation) == 2


def test_a_repeat_is_dropped_and_a_replaced_incarnation_too(cluster):
  run = make(cluster, num_shards=1)
  shard = run.server.shards[0]
  zero = tf.constant(0, tf.int64)
  shard.register(zero, tf.constant(-1, tf.int64))
  gradient = tf.concat([tf.ones([shard.size]), tf.zeros([versions.TAIL])], axis=0)
  rows = tf.zeros([1, len(steps_lib.COLUMNS) + 1], tf.float64)

  def push(incarnation, sequence):
    header = update.PushHeader(0, incarnation, sequence, sequence + 1, 0, 0)
    current = shard.push(gradient, tf.zeros([0]), tf.constant(header, tf.int64), rows)
    return int(current), int(run.server.poll().versions[0])

  assert push(0, 0) == (1, 1)
  assert push(0, 0) == (1, 1)  # A repeat.
  assert push(0, 1) == (1, 2)
  shard.register(zero, tf.constant(-1, tf.int64))
  assert push(0, 2) == (0, 2)
  assert push(1, 0) == (1, 3)


@pytest.mark.parametrize(
  ('version', 'parts'),
  [(0, [0, 0]), (2**20 - 1, [0, 2**20 - 1]), (2**41 + 5, [2**21, 5])],
)
def test_versions_beyond_what_a_float32_counts(version, parts):
  tail = versions.tail_of(version)
  assert tail == parts
  assert int(versions.version_of(tf.constant([0.5, *tail]))) == version


def test_the_version_carries(cluster):
  run = make(cluster, num_shards=1)
  shard = run.server.shards[0]
  state = run.server.snapshot()[0]
  vector = state.vector.copy()
  vector[-versions.TAIL :] = versions.tail_of(2**20 - 2)
  shard.restore(*tf.nest.flatten(state._replace(vector=vector)))
  run.grant(4)
  run.replica.window()
  look = run.server.poll()
  assert look.logs[0][:, 0].tolist() == [2**20 - 1, 2**20, 2**20 + 1, 2**20 + 2]
  assert look.versions[0] == 2**20 + 2


STEP, LATENCY = 0.05, 0.03


@pytest.mark.alone
@pytest.mark.parametrize('latency', [0.0, LATENCY])
@pytest.mark.parametrize('overlap', [False, True])
def test_padding_holds_up_what_it_should_and_nothing_else(
  cluster, tmp_path, overlap, latency
):
  run = make(
    cluster,
    **{
      'downpour.overlap': overlap,
      'cluster.step_seconds': STEP,
      'cluster.latency_seconds': latency,
    },
  )
  recorder = records.Recorder(tmp_path / 'steps' / '000.bin', 2, 1, [4] * 2)
  for limit in (12, 12):
    run.grant(limit)
    result = run.replica.window()
    recorder.add_window((0, 0), result.pushes.numpy(), result.pending.numpy())
  for shard, log in enumerate(run.server.poll().logs):
    recorder.add_log(shard, log)
  found = records.read(tmp_path)
  assert found['step'].tolist() == list(range(12)) and found['pushed'].all()
  took = {
    kind: found[f'{kind}_end'] - found[f'{kind}_start']
    for kind in ('fetch', 'compute', 'push')
  }
  assert took['compute'].min() >= STEP
  for kind in ('fetch', 'push'):
    assert took[kind].min() >= latency
  # Nothing is applied before its latency has passed, and padding is part of a step.
  assert (found['applied_at'].min(axis=1) >= found['push_start'] + latency).all()
  assert (found['push_start'] >= found['compute_end']).all()
  fetch_to_compute = found['compute_start'] - found['fetch_end']
  following = found['compute_start'][1:] - found['push_end'][:-1]
  if overlap:  # All at once.
    assert (fetch_to_compute <= 0).all() and np.median(following) < 0
    assert np.median(np.diff(found['compute_start'])) < STEP + 1.5 * LATENCY
  else:  # One after the other.
    assert (fetch_to_compute >= 0).all() and (following >= latency).all()


@pytest.mark.parametrize('make', zoo.ALL, ids=lambda make: make.__name__)
def test_any_model_alone_is_plain_sgd(cluster, make):
  """One replica, n = 1, two shards: parameters and statistics are one process'."""
  keras.utils.set_random_seed(1)
  config = in_process.small_config(
    **{
      'server.optimizer': 'sgd',
      'server.learning_rate': RATE,
      'data.batch_size': zoo.BATCH,
      'downpour.window_steps': 4,
    }
  )
  source, steps = zoo.Data(zoo.ALL[make]), 10
  run = in_process.Cluster(cluster[0], config, 1, 2, source=source, model=make())
  run.grant(steps)
  run.replica.window()
  goal = run.objective
  params, statistics = goal.initial, goal.statistics
  for step, minibatch in enumerate(source.minibatches(0, 1, 0, zoo.BATCH).take(steps)):
    seed = seeds.of_step(config.seed, seeds.MODEL, 0, step)
    result = goal.gradient(params, statistics, minibatch, seed)
    params = [p - RATE * g for p, g in zip(params, result.gradient)]
    statistics = result.change.apply(statistics)
  found = run.server.weights()
  for one, other in zip(tf.nest.flatten(found), [*params, *statistics], strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_statistics_are_carried_whole_from_push_to_push(cluster):
  """n_push = 3 and n_fetch = 2: every step moves them once, in its turn."""
  keras.utils.set_random_seed(1)
  fields = {'n_fetch': 2, 'n_push': 3, 'learning_rate': 0.0}
  run = in_process.Cluster(
    cluster[0],
    in_process.small_config(
      **{
        'server.learning_rate': 1e-30,  # The parameters stay as they are.
        'server.optimizer': 'sgd',
        'data.batch_size': zoo.BATCH,
        **{f'downpour.{name}': value for name, value in fields.items()},
      }
    ),
    num_replicas=1,
    num_shards=3,
    source=zoo.Data(zoo.ALL[zoo.batch_normalisation]),
    model=zoo.batch_normalisation(),
  )
  steps, goal = 11, run.objective
  run.grant(steps)
  run.replica.window()
  run.replica.window()
  statistics = goal.statistics
  for minibatch in run.source.minibatches(0, 1, 0, zoo.BATCH).take(steps):
    change = goal.gradient(goal.initial, statistics, minibatch, NO_SEED).change
    statistics = change.apply(statistics)
  for one, other in zip(run.server.weights().statistics, statistics, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-5)
