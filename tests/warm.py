"""Python programs started from a process that has imported TensorFlow already.

Importing it takes longer than most of what a test looks at. So the first program that a
test process starts brings up a server, `python -m tests.warm`, which imports everything
once and never starts TensorFlow's runtime; programs are then forked from it. Each has the
arguments, environment, folder and files that it would have had, and so have the programs
that it starts itself. What starts cold all the same: the README's commands, which are a
reader's, and what tests of starting start with `subprocess`.
"""

import array
import atexit
import contextlib
import functools
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
import types

# What programs under test import; the rest they import themselves.
_MODULES = (
  'distbelief.command_line',
  'distbelief.run',
  'distbelief.cluster.launch.external_task',
  'distbelief.cluster.launch.local',
  'distbelief.cluster.launch.supervisor',
  'distbelief.cluster.launch.tasks',
  'distbelief.cluster.downpour.chief',
  'distbelief.cluster.synchronous.worker',
  'distbelief.simulation.launch',
  'distbelief.simulation.train_downpour',
  'distbelief.simulation.train_synchronous',
  'distbelief.experiments.report',
  'distbelief.analysis.trace',
)
_LENGTH = struct.Struct('!I')


class Process:
  """A program, with the methods of subprocess.Popen that tests use."""

  def __init__(
    self,
    words,
    stdout=None,
    stderr=None,
    env=None,
    cwd=None,
    stdin=None,
    text=True,
    start_new_session=False,
  ):
    """Starts it.

    Args:
      words: sys.executable and its arguments.
      stdout: None: the test's own; subprocess.PIPE, or a file.
      stderr: Likewise, or subprocess.STDOUT.
      env: Its environment; by default the test's.
      cwd: Its folder; by default the test's.
      stdin: A file, or subprocess.PIPE, whose other end is held; by default nothing.
      text: As subprocess has it; there is nothing else.
      start_new_session: Whether signals to the test's session pass it by.
    """
    assert words[0] == sys.executable and text
    self.args, self.returncode = list(map(str, words)), None
    self.stdin = None
    with contextlib.ExitStack() as theirs:
      null = theirs.enter_context(open(os.devnull))
      if stdin == subprocess.PIPE:
        reading, writing = os.pipe()
        stdin, self.stdin = theirs.enter_context(open(reading)), os.fdopen(writing, 'w')
      out, self.stdout = self._output(stdout, sys.__stdout__, theirs)
      if stderr == subprocess.STDOUT:
        err, self.stderr = out, None
      else:
        err, self.stderr = self._output(stderr, sys.__stderr__, theirs)
      request = {
        'words': self.args,
        'environ': dict(os.environ if env is None else env),
        'cwd': os.fspath(cwd or os.getcwd()),
        'new_session': start_new_session,
      }
      self._server = _connect()
      fds = [(stdin or null).fileno(), out, err]
      _send(self._server, json.dumps(request).encode(), fds)
    self.pid = _receive(self._server)

  def _output(self, what, default, theirs):
    """Returns the descriptor for the program, and the file to read, if any."""
    if what is None:
      return default.fileno(), None
    if what == subprocess.DEVNULL:
      null = os.open(os.devnull, os.O_WRONLY)
      theirs.callback(os.close, null)
      return null, None
    if what != subprocess.PIPE:
      return what.fileno(), None
    reading, writing = os.pipe()
    theirs.callback(os.close, writing)
    return writing, open(reading)

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    self.wait()
    for file in (self.stdin, self.stdout, self.stderr):
      if file:
        file.close()

  def poll(self):
    """Returns the exit status, or None while it runs."""
    with contextlib.suppress(subprocess.TimeoutExpired):
      self.wait(0)
    return self.returncode

  def wait(self, timeout=None):
    """Returns the exit status; minus a signal's number."""
    if self.returncode is None:
      self._server.settimeout(timeout if timeout is None or timeout > 0 else 1e-3)
      try:
        self.returncode = os.waitstatus_to_exitcode(_receive(self._server))
      except TimeoutError:
        raise subprocess.TimeoutExpired(self.args, timeout) from None
      self._server.close()
    return self.returncode

  def communicate(self, timeout=None):
    """Returns what it wrote until its end."""
    found, threads = [None, None], []
    for place, file in enumerate((self.stdout, self.stderr)):
      if file and not file.closed:
        read = functools.partial(self._read, file, found, place)
        threads.append(threading.Thread(target=read, daemon=True))
        threads[-1].start()
    self.wait(timeout)
    for thread in threads:
      thread.join(timeout)
      if thread.is_alive():  # What it started holds the pipe.
        raise subprocess.TimeoutExpired(self.args, timeout)
    return tuple(found)

  def _read(self, file, found, place):
    found[place] = file.read()
    file.close()

  def send_signal(self, number):
    """Sends a signal, unless it has ended."""
    if self.poll() is None:
      os.kill(self.pid, number)

  def kill(self):
    """Sends SIGKILL."""
    self.send_signal(signal.SIGKILL)

  def terminate(self):
    """Sends SIGTERM."""
    self.send_signal(signal.SIGTERM)


def run(words, timeout=None, check=False, **options):
  """Runs a program to its end; returns what subprocess.run returns with its output."""
  process = Process(words, subprocess.PIPE, subprocess.PIPE, **options)
  try:
    out, err = process.communicate(timeout)
  finally:
    process.kill()
  assert not check or process.returncode == 0, err
  return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def instead_of_subprocess(monkeypatch, *modules):
  """Has these modules start their Python programs warm."""
  _server()  # Not in several threads.
  for module in modules:
    assert module.subprocess is subprocess
    stand_in = types.SimpleNamespace(
      Popen=Process, DEVNULL=subprocess.DEVNULL, PIPE=subprocess.PIPE
    )
    monkeypatch.setattr(module, 'subprocess', stand_in)


# The server, seen from the test process.


@functools.cache
def _server():
  """Returns the server's address; it ends with this process."""
  address = f'\0distbelief-tests-{os.getpid()}'
  from distbelief.cluster.launch import environment

  listener = socket.socket(socket.AF_UNIX)
  listener.bind(address)
  listener.listen(64)
  with tempfile.TemporaryFile() as log:  # TensorFlow has much to say.
    server = subprocess.Popen(
      [sys.executable, '-m', 'tests.warm', str(listener.fileno())],
      stdin=subprocess.PIPE,  # Its end tells the server that we are gone.
      stdout=log,
      stderr=log,
      pass_fds=[listener.fileno()],
      env=environment.of_tasks(os.environ) | {'PYTHONPATH': os.pathsep.join(sys.path)},
    )
  listener.close()
  atexit.register(server.stdin.close)
  return address


def _connect():
  connection = socket.socket(socket.AF_UNIX)
  connection.connect(_server())
  return connection


def _send(connection, text, fds):
  rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))]
  connection.sendmsg([_LENGTH.pack(len(text))], rights)
  connection.sendall(text)


def _receive(connection):
  """Returns the next number that the server says."""
  return _LENGTH.unpack(connection.recv(_LENGTH.size, socket.MSG_WAITALL))[0]


# The server.


class Server:
  """Forks programs, and says how they ended."""

  def __init__(self, listener):
    self._selector = selectors.DefaultSelector()
    self._wakeup, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    self._wakeup_end = wakeup
    signal.set_wakeup_fd(wakeup.fileno())
    signal.signal(signal.SIGCHLD, lambda *unused: None)
    # Ctrl-C in a terminal is for pytest, which then closes our standard input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    self._listener = listener
    self._waiting = {}  # Connections by process.
    self._selector.register(listener, selectors.EVENT_READ, self._accept)
    self._selector.register(self._wakeup, selectors.EVENT_READ, self._reap)
    self._selector.register(0, selectors.EVENT_READ, None)

  def serve(self):
    while True:
      for key, _ in self._selector.select():
        if key.data is None:
          return
        key.data()

  def _accept(self):
    connection, _ = self._listener.accept()
    head, fds, _, _ = socket.recv_fds(connection, _LENGTH.size, 3)
    (length,) = _LENGTH.unpack(head)
    request = json.loads(connection.recv(length, socket.MSG_WAITALL))
    pid = os.fork()
    if not pid:
      signal.signal(signal.SIGINT, signal.SIG_DFL)
      for other in self._waiting.values():
        other.close()
      for open_file in (connection, self._listener, self._wakeup, self._wakeup_end):
        open_file.close()
      self._selector.close()
      if request['new_session']:
        os.setsid()
      _be(request['words'], request['environ'], request['cwd'], fds)
    for fd in fds:
      os.close(fd)
    connection.sendall(_LENGTH.pack(pid))
    self._waiting[pid] = connection

  def _reap(self):
    self._wakeup.recv(4096)
    while self._waiting:
      pid, status = os.waitpid(-1, os.WNOHANG)
      if not pid:
        return
      connection = self._waiting.pop(pid)
      with connection, contextlib.suppress(OSError):
        connection.sendall(_LENGTH.pack(status))


# A program.


class _Exec(BaseException):
  """Another program takes this one's place."""

  def __init__(self, words, environ):
    super().__init__()
    self.words, self.environ = words, environ


def _execve(path, words, environ):
  assert path == sys.executable
  raise _Exec(list(words), dict(environ))


class _Fork(subprocess.Popen):
  """What a program starts: Python from here, anything else as ever."""

  def _execute_child(self, args, executable, preexec_fn, close_fds, pass_fds, *others):
    from tensorflow.python.eager import context

    words = list(map(str, args)) if isinstance(args, (list, tuple)) else [args]
    known = words[0] == sys.executable and executable is None and preexec_fn is None
    if not known or context.context()._initialized:
      super()._execute_child(args, executable, preexec_fn, close_fds, pass_fds, *others)
      return
    cwd, env, _, _, _, p2cread, _, _, c2pwrite, _, errwrite, *rest = others
    new_session = rest[5]
    sys.stdout.flush()
    sys.stderr.flush()
    self.pid = os.fork()
    self._child_created = True
    if not self.pid:
      if new_session:
        os.setsid()
      fds = [0 if p2cread == -1 else p2cread]
      fds.append(1 if c2pwrite == -1 else c2pwrite)
      fds.append(2 if errwrite == -1 else errwrite)
      _be(words, os.environ if env is None else env, cwd, fds, keep=pass_fds)
    self._close_pipe_fds(*others[5:11])


def _be(words, environ, cwd, fds, keep=()):
  """Is a Python program, which ends here."""
  status = 1
  try:
    high = [os.dup(fd) for fd in fds]  # None of them is 0, 1 or 2 then.
    for target, fd in enumerate(high):
      os.dup2(fd, target)
    for fd in map(int, os.listdir('/proc/self/fd')):
      if fd > 2 and fd not in keep:
        with contextlib.suppress(OSError):
          os.close(fd)
    for name, number in (('stdin', 0), ('stdout', 1), ('stderr', 2)):
      file = os.fdopen(number, 'w' if number else 'r', closefd=False)
      setattr(sys, name, file)
      setattr(sys, f'__{name}__', file)
    sys.stderr.reconfigure(line_buffering=True)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
      if signal.getsignal(number) != signal.SIG_IGN:  # As for a new program.
        signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
      signal.signal(signal.SIGINT, signal.default_int_handler)
    subprocess.Popen = _Fork
    os.execve = _execve
    os.chdir(cwd or '.')
    while True:
      os.environ.clear()
      os.environ.update(environ)
      try:
        status = _status(words)
        break
      except _Exec as following:
        words, environ = following.words, following.environ
  except BaseException:
    traceback.print_exc()
  finally:
    with contextlib.suppress(Exception):
      sys.stdout.flush()
      sys.stderr.flush()
    os._exit(status)


def _status(words):
  """Runs Python's command line; returns its exit status."""
  sys.orig_argv = list(words)
  words = [word for word in words[1:] if word != '-u']
  paths = os.environ.get('PYTHONPATH', '').split(os.pathsep)
  sys.path[:] = [*filter(None, paths), *(p for p in sys.path if p not in paths)]
  try:
    if words[0] == '-m':
      sys.argv = words[1:]
      sys.path.insert(0, os.getcwd())
      runpy.run_module(words[1], run_name='__main__', alter_sys=True)
    elif words[0] == '-c':
      sys.argv = ['-c', *words[2:]]
      sys.path.insert(0, '')
      exec(compile(words[1], '<string>', 'exec'), {'__name__': '__main__'})
    else:
      sys.argv = words
      sys.path.insert(0, os.path.dirname(os.path.abspath(words[0])))
      runpy.run_path(words[0], run_name='__main__')
    return 0
  except SystemExit as end:
    if end.code is None or isinstance(end.code, int):
      return (end.code or 0) & 0xFF
    print(end.code, file=sys.stderr)
    return 1
  except KeyboardInterrupt:
    traceback.print_exc()
    return 130


def main(listener_fd):
  import importlib

  for name in _MODULES:
    importlib.import_module(name)
  gc.freeze()  # A collection in a program would copy all that it shares with us.
  Server(socket.socket(fileno=int(listener_fd))).serve()


if __name__ == '__main__':
  main(*sys.argv[1:])
