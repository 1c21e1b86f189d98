"""Which of TensorFlow's errors mean that a task has gone; texts are those of 2.21."""

import pytest
import tensorflow as tf

from distbelief import errors
from distbelief.cluster import lost_peers
from distbelief.cluster.downpour import windows

LOST = {
  'connection': (tf.errors.UnavailableError, 'recvmsg:Connection reset by peer'),
  'graph': (tf.errors.UnavailableError, 'Graph execution error:\n\nSocket closed'),
  'collective': (
    tf.errors.UnavailableError,
    'Collective ops is aborted by: failed to connect to all addresses',
  ),
  'session': (
    tf.errors.AbortedError,
    'Session handle is not found: 7. Possibly, this worker just restarted.',
  ),
  'function': (
    tf.errors.NotFoundError,
    "'__inference_window_12' is neither a type of a primitive operation nor a name of a "
    'function registered in binary running on host-3.',
  ),
  'variable': (
    tf.errors.NotFoundError,
    'Container localhost does not exist. (Could not find resource: localhost/shard_0)',
  ),
  'variable that is read': (
    tf.errors.FailedPreconditionError,
    'Could not find variable shard_0. Debug info: container=localhost, status error '
    'message=Container localhost does not exist. (Could not find resource: '
    'localhost/shard_0)',
  ),
  'device': (
    tf.errors.FailedPreconditionError,
    "/job:worker/replica:0/task:1/device:CPU:0 current incarnation doesn't match with "
    'one in the group. This usually means this worker has restarted but the collective '
    "leader hasn't, or this worker connects to a wrong cluster.",
  ),
  'call': (
    tf.errors.CancelledError,
    'Additional GRPC error information from remote target '
    '/job:worker/replica:0/task:1 while calling /tensorflow.WorkerService/RunGraph',
  ),
  'deadline': (
    tf.errors.DeadlineExceededError,
    'Additional GRPC error information from remote target /job:ps/replica:0/task:0: '
    '{grpc_status:4}',
  ),
  'network': (
    tf.errors.InternalError,
    'Executing non-communication op <Read> originally returned UnavailableError, and was '
    'replaced by InternalError to avoid invoking TF network error handling logic',
  ),
}

# On another task: the error of a user's operation comes with the words of gRPC.
AFAR = (
  '{{function_node __inference_window_3643}} Error in user-defined function passed to '
  'MapDataset:4 transformation with iterator: SingleElementIterator::Map: /data/x; %s\n'
  'Additional GRPC error information from remote target /job:worker/replica:0/task:0 '
  'while calling /tensorflow.eager.EagerService/Enqueue:\n'
  ':UNKNOWN:Error received from peer  {grpc_status:5}'
)

NOT_LOST = {
  'file': (tf.errors.NotFoundError, '/data/x; No such file or directory'),
  'file of another task': (tf.errors.NotFoundError, AFAR % 'No such file or directory'),
  'collective': (
    tf.errors.NotFoundError,
    'Collective ops is aborted by: /data/x; No such file or directory',
  ),
  'operation': (tf.errors.NotFoundError, "Op type not registered 'Mine' in binary"),
  'folder': (tf.errors.FailedPreconditionError, AFAR % 'Is a directory'),
  'table': (tf.errors.FailedPreconditionError, 'Table not initialized.'),
  'closure': (
    tf.errors.CancelledError,
    'The corresponding function is cancelled. Please reschedule the function.',
  ),
  'own task': (
    tf.errors.CancelledError,
    '{{function_node __wrapped__X_device_/job:worker/replica:0/task:0/device:CPU:0}} end',
  ),
  'bucket': (tf.errors.DeadlineExceededError, 'Error executing an HTTP request'),
  'code': (tf.errors.InternalError, 'cuDNN launch failure'),
  'range': (tf.errors.OutOfRangeError, 'End of sequence'),
}


@pytest.mark.parametrize(('kind', 'text'), LOST.values(), ids=LOST)
def test_a_task_that_has_gone_is_told(kind, text):
  with pytest.raises(errors.LostPeerError) as raised, lost_peers.translated():
    raise kind(None, None, text)
  assert f'a task was lost ({kind.__name__}: ' in str(raised.value)
  assert str(raised.value).endswith('; the same command resumes')


@pytest.mark.parametrize(('kind', 'text'), NOT_LOST.values(), ids=NOT_LOST)
def test_an_error_of_the_users_is_none(kind, text):
  with pytest.raises(kind) as raised, lost_peers.translated():
    raise kind(None, None, text)
  assert not lost_peers.is_lost_peer(raised.value)


class Coordinator:
  """Whose windows end as they are told."""

  def __init__(self, *ends):
    self._ends = list(ends)

  def schedule(self, unused_window):
    return Remote(self._ends.pop())


class Remote:
  def __init__(self, end):
    self._end = end

  def fetch(self):
    raise self._end


def test_the_window_that_failed_is_told_not_one_that_was_cancelled_for_it():
  text = 'Unable to find the relevant tensor remote_handle: Op ID: 236, Output num: 0'
  cancelled = [tf.errors.CancelledError(None, None, 'reschedule') for _ in range(2)]
  cancelled.append(tf.errors.InvalidArgumentError(None, None, text))
  cause = tf.errors.NotFoundError(None, None, '/data/x; No such file or directory')
  under_way = windows.Windows(Coordinator(cause, *cancelled), None, most=1)
  under_way.start(1)
  under_way._most = 4
  under_way.start(3)
  with pytest.raises(tf.errors.NotFoundError, match='/data/x'):
    under_way.next(5.0)
  for error in cancelled:
    alone = windows.Windows(Coordinator(error), None, most=1)
    alone.start(1)
    with pytest.raises(type(error)):
      alone.next(5.0)
