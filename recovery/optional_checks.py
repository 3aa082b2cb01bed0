"""The checks' names, and what it means that an environment makes one optional. Light: the settings import it."""

from collections.abc import Iterable

# In the order in which they are asked and shown; a test holds them to recovery.checks.CHECKS.
CHECK_NAMES = ("identity", "schema", "heartbeat", "content")


def unknown_checks(names: Iterable[str]) -> tuple[str, ...]:
    """Those of ``names`` that are no check: a misspelled one would excuse nothing, unnoticed."""
    return tuple(name for name in names if name not in CHECK_NAMES)


def is_excused(name: str, status: str, optional_checks: Iterable[str]) -> bool:
    """Whether a check's answer does not count: it is optional and was not proven. What failed is never excused."""
    return status.lower() == "not_proven" and name in optional_checks
