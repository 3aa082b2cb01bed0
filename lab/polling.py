"""Waiting for something in the lab to happen, never for ever."""

import time
from collections.abc import Callable
from typing import TypeVar

from lab.cloud import LabError

Found = TypeVar("Found")
PATIENCE_SECONDS = 120
PAUSE_SECONDS = 0.05


def wait_for(what: str, look: Callable[[], Found | None], *, seconds: float = PATIENCE_SECONDS) -> Found:
    """Look until it is there. Raises :class:`LabError` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:.0f} s for {what}, and it did not come")
        time.sleep(PAUSE_SECONDS)
