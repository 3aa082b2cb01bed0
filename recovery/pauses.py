"""Pauses between looks at work under way: short at first, for much ends soon, and then rarer."""

from collections.abc import Iterator

FIRST_SECONDS = 1.0


def growing_pauses(longest_seconds: float) -> Iterator[float]:
    """Pauses in seconds without end: each twice as long as the one before, up to ``longest_seconds``."""
    pause = FIRST_SECONDS
    while True:
        yield min(pause, longest_seconds)
        pause = min(2 * pause, longest_seconds)
