"""The server process of a PostgreSQL data folder, recognised for certain before any signal is sent.

Process ids come back: the kernel counts to ``pid_max``, 32,768 on small machines, and begins anew, which a run of
drills does every few minutes. A ``postmaster.pid`` left by a killed server may then name any process, or a thread of
the very caller: ``kill`` takes a thread's id for its whole process.
"""

import contextlib
import time
from pathlib import Path

import psutil

STOP_TIMEOUT_SECONDS = 15


def postmaster(data: Path) -> psutil.Process | None:
    """The running postmaster of the data folder, None when there is none."""
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().split("\n", 1)[0]))
        serves = process.cmdline()[1:3] == ["-D", str(data)]
    except (OSError, ValueError, psutil.Error):
        return None
    return process if serves else None


def kill_server(data: Path) -> None:
    """Kill the data folder's postmaster and its children at once, as a lost instance would be: nothing is flushed."""
    server = postmaster(data)
    if server is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        server.suspend()  # so that it starts no child meanwhile
        # Each child has a session of its own, and would go on until it saw that the postmaster is gone.
        lost = [*server.children(), server]
        for process in lost:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while any(map(_runs, lost)) and time.monotonic() < deadline:
            time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    """Whether it still does anything: one that nobody has reaped yet does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
