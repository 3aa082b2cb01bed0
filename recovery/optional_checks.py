"""The checks' names, for those who make one of them optional. Light: the settings import it."""

from collections.abc import Iterable

# In the order in which they are asked and shown; a test holds them to recovery.checks.CHECKS.
CHECK_NAMES = ("identity", "schema", "heartbeat", "content", "storage", "constraints", "invariants")


def unknown_checks(names: Iterable[str]) -> tuple[str, ...]:
    """Those of ``names`` that are no check: a misspelled one would excuse nothing, unnoticed."""
    return tuple(name for name in names if name not in CHECK_NAMES)
