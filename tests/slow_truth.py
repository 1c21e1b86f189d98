"""The slow truth: Downpour written out in NumPy, driven by a run's step records.

It knows nothing of the package but the layout of the records. Given what every replica
fetched and in which order every shard applied the pushes, each parameter's value follows.
Any record that is missing, doubled or out of place makes it fail.
"""

import collections
import functools

import numpy as np

APPLIED = 1


def gradient(params, inputs, labels):
  """Mean cross-entropy gradient of a sigmoid network; weights and biases in turn."""
  layers = list(zip(params[::2], params[1::2]))
  activations = [inputs.astype(np.float64)]
  for weights, bias in layers[:-1]:
    activations.append(1 / (1 + np.exp(-(activations[-1] @ weights + bias))))
  weights, bias = layers[-1]
  logits = activations[-1] @ weights + bias
  error = np.exp(logits - logits.max(axis=1, keepdims=True))
  error /= error.sum(axis=1, keepdims=True)
  error[np.arange(len(labels)), labels] -= 1
  error /= len(labels)
  result = []
  for (weights, _), activation in zip(layers[::-1], activations[::-1]):
    result += [error.sum(axis=0), activation.T @ error]
    error = (error @ weights.T) * activation * (1 - activation)
  return result[::-1]


class Rule:
  """SGD or the paper's Adagrad on one shard."""

  facts = ()  # Of a push, that `delta` takes by name: index, replicas.

  def __init__(self, name, rate, size):
    self.name, self.rate = name, rate
    self.squares = np.zeros(size)

  def delta(self, gradient):
    if self.name == 'sgd':
      return self.rate * gradient
    self.squares += gradient**2
    with np.errstate(divide='ignore', invalid='ignore'):
      return np.where(gradient == 0, 0, self.rate * gradient / np.sqrt(self.squares))


class Truth:
  """Replays the records of one run."""

  def __init__(
    self,
    initial,
    num_shards,
    rule,
    rate,
    alpha,
    gradient_at,
    num_replicas=None,
    allowed=lambda start, values: values,
  ):
    """Begins with the initial parameters.

    `rule` is a name, or makes of (rate, size) what is like Rule;
    `gradient_at(params, replica, step)` returns a list of NumPy arrays;
    `allowed(start, values)` what a shard that begins at the flat index `start` makes of
    its values after an update.
    """
    self.allowed = allowed
    self.shapes = [p.shape for p in initial]
    flat = np.concatenate([p.ravel() for p in initial]).astype(np.float64)
    self.bounds = np.cumsum([0] + [len(s) for s in np.array_split(flat, num_shards)])
    self.values = [[s] for s in np.array_split(flat, num_shards)]  # By version.
    make = functools.partial(Rule, rule) if isinstance(rule, str) else rule
    self.rules = [make(rate, len(v[0])) for v in self.values]
    self.num_replicas = num_replicas
    self.alpha, self.gradient_at = alpha, gradient_at
    self.params = {}  # What each incarnation holds after its last step.
    self.next_step = {}

  def shaped(self, flat):
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in self.shapes])
    return [p.reshape(s) for p, s in zip(np.split(flat, ends[:-1]), self.shapes)]

  def fetched(self, held):
    return np.concatenate([v[version] for v, version in zip(self.values, held)])

  def ready(self, push):
    return all(
      version < len(values)
      for record in push
      if record['fresh']
      for values, version in zip(self.values, record['version_held'])
    )

  def accrued(self, push):
    """The sum that one push carries, computed step by step as its replica did."""
    total = 0
    for record in push:
      replica = (record['replica'], record['incarnation'])
      step = record['step']
      assert step == self.next_step.get(replica, step), 'a step is missing'
      self.next_step[replica] = step + 1
      if record['fresh']:
        self.params[replica] = self.fetched(record['version_held'])
      params = self.params[replica]
      parts = self.gradient_at(self.shaped(params), replica[0], record['batch'])
      g = np.concatenate([part.ravel() for part in parts])
      self.params[replica] = params - self.alpha * g
      total = total + g
    return total

  def replay(self, records):
    """Returns the server's parameters after all records."""
    pushes = collections.defaultdict(list)
    for record in np.sort(records, order=['replica', 'incarnation', 'step']):
      pushes[record['replica'], record['incarnation'], record['sequence']].append(record)
    orders = [{} for _ in self.values]  # Per shard: version -> push.
    for key, push in pushes.items():
      last = push[-1]
      assert last['pushed'] and last['gradients'] == len(push), f'push {key} is torn'
      assert not any(record['pushed'] for record in push[:-1])
      for shard, order in enumerate(orders):
        if last['status'][shard] == APPLIED:
          assert last['version_applied'][shard] not in order, 'a version came twice'
          order[last['version_applied'][shard]] = key
    for order in orders:
      assert sorted(order) == list(range(1, len(order) + 1)), 'a version is missing'
    for shard in range(len(orders)):
      by_replica = collections.defaultdict(list)
      for _, key in sorted(orders[shard].items()):
        by_replica[key[:2]].append(key[2])
      for sequence in by_replica.values():
        assert sequence == sorted(sequence), 'a replica overtook itself'
    sums = {}
    turn = sorted(pushes)  # A replica's pushes one after the other.
    while turn:
      left = []
      blocked = set()
      for key in turn:
        if key[:2] not in blocked and self.ready(pushes[key]):
          sums[key] = self.accrued(pushes[key])
        else:
          blocked.add(key[:2])
          left.append(key)
      moved = len(left) < len(turn)
      turn = left
      for shard, (order, values) in enumerate(zip(orders, self.values)):
        part = slice(self.bounds[shard], self.bounds[shard + 1])
        while order.get(len(values)) in sums:
          key, rule = order[len(values)], self.rules[shard]
          facts = {'index': key[0], 'replicas': self.num_replicas}
          asked = {name: facts[name] for name in rule.facts}
          after = values[-1] - rule.delta(sums[key][part], **asked)
          values.append(self.allowed(part.start, after))
          moved = True
      assert moved, f'no order explains the records: {len(turn)} pushes are left'
    return np.concatenate([values[-1] for values in self.values])
