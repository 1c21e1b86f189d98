"""What a user can act on: errors told in one line, and exit statuses (contract 7)."""

DONE = 0
FAILED = 1  # Final: the same command would fail again.
BAD_INPUT = 2  # Final: a field, a flag, a file or the workdir must change first.
INTERRUPTED = 130  # Ctrl-C.
LOST_PEER = 134  # A task or a machine went away; the same command resumes.
TERMINATED = 143  # SIGTERM, after a checkpoint; the same command resumes.


class UserError(Exception):
  """An error whose message is one line with the field, its value and the remedy."""

  status = BAD_INPUT


class LostPeerError(UserError):
  """A task or a machine that the run needs has gone, or has not come."""

  status = LOST_PEER


class ConfigError(UserError):
  """A field of the config that cannot be."""

  def __init__(self, field: str, value: object, remedy: str) -> None:
    """Makes the one line.

    Args:
      field: The field as the user writes it, e.g. 'config.downpour.n_fetch'.
      value: What it was; None: nothing to show.
      remedy: What it must be, e.g. 'must be at least 1; the paper uses 1'.
    """
    shown = '' if value is None else f' ({value!r})'
    super().__init__(f'{field}{shown} {remedy}')
    self.field = field
