"""Many findings as one line for a person."""

from collections.abc import Sequence

_MOST_SHOWN = 8


def summary(sentences: Sequence[str]) -> str:
    """The first few sentences, and how many there are besides."""
    more = len(sentences) - _MOST_SHOWN
    return "; ".join(sentences[:_MOST_SHOWN]) + (f"; and {more} more" if more > 0 else "")
