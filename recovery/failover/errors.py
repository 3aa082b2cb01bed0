"""What keeps a step from being done. Step Functions goes by the names of these classes."""


class SilentError(RuntimeError):
    """A region's guard does not answer."""


class BlockedError(RuntimeError):
    """The preflight found what has to be mended first."""


class NotYetError(RuntimeError):
    """What the step waits for has not come; the state machine asks again."""


class NotCaughtUpError(RuntimeError):
    """The copy of a failback did not replay everything in time, so nothing was switched."""


class UnprovenError(RuntimeError):
    """The promoted database was not proven."""
