"""A cutover in which somebody dies at a decisive instant; as a program of its own where that is the tool itself.

python -m tests.recovery.migration.dying INSTANT SOURCE TARGET
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import psycopg

from recovery.migration import cutting_over
from recovery.migration.ends import open_ends

# The instant, the step that it is next to, and on which side of it.
INSTANTS = {
    "before the comparison": ("_compare", "before"),
    "before the decision": ("_fence", "after"),
    "after the decision": ("_release", "before"),
    "after the release": ("_leave", "before"),
}


def patched(instant: str, die: Callable[[], None]) -> tuple[str, Callable[..., Any]]:
    """The name of a step of :mod:`recovery.migration.cutting_over`, and what to have in its place."""
    name, side = INSTANTS[instant]
    step: Callable[..., Any] = getattr(cutting_over, name)

    def dying(*arguments: Any) -> Any:
        if side == "before":
            die()
            return step(*arguments)
        found = step(*arguments)
        die()
        return found

    return name, dying


def cut_over(source: str, target: str) -> None:
    """Cut over, while somebody still writes to the source when all of the way back is prepared."""

    def write_late(step: str) -> None:
        if step == "holding writers off":
            with psycopg.connect(source, autocommit=True) as connection:
                connection.execute("INSERT INTO notes (body) VALUES ('late')")
                connection.execute("INSERT INTO people (name) VALUES ('late')")

    with open_ends(source, target) as ends:
        cutting_over.cut_over(ends, max_pause_seconds=20, progress=write_late)


def _kill_ourselves() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    instant, *ends_of_ours = sys.argv[1:]
    setattr(cutting_over, *patched(instant, _kill_ourselves))
    cut_over(*ends_of_ours)
