"""Medians of interleaved runs, and memory as the kernel counts it."""

import platform
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

SAMPLE_SECONDS = 0.02
MIB = 1024 * 1024


@dataclass(frozen=True)
class Timing:
    """Seconds of every run of one contender."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle run, in seconds."""
        return statistics.median(self.seconds)


def race(contenders: Mapping[str, Callable[[], object]], *, runs: int) -> dict[str, Timing]:
    """Run every contender ``runs`` times, taking turns, so that a busy moment of the machine meets all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, run in contenders.items():
            started = time.monotonic()
            run()
            seconds[name].append(time.monotonic() - started)
    return {name: Timing(tuple(each)) for name, each in seconds.items()}


@dataclass
class PeakMemory:
    """The most private memory that this process, and any one of the server's, took while the block ran.

    ``ours_mib`` is what was added to this process. ``servers_mib`` is of one connection, without shared buffers.
    """

    postmaster: int
    ours_mib: float = 0.0
    servers_mib: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._before = _anonymous(psutil.Process().pid)
        self._thread = threading.Thread(target=self._sample, name="memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _sample(self) -> None:
        own = psutil.Process().pid
        while not self._stop.wait(SAMPLE_SECONDS):
            self.ours_mib = max(self.ours_mib, (_anonymous(own) - self._before) / MIB)
            for child in psutil.Process(self.postmaster).children():
                self.servers_mib = max(self.servers_mib, _anonymous(child.pid) / MIB)


def _anonymous(pid: int) -> int:
    """Bytes of a process's own memory (RssAnon); 0 for one that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)


def machine() -> str:
    """What the figures were measured on, in words."""
    cpus = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = cpus[0].partition(":")[2].strip() if cpus else platform.processor()
    memory = psutil.virtual_memory().total / MIB / 1024
    return f"{psutil.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.machine()}"
