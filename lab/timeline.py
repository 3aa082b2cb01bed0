"""What a drill did and when: the steps of a run, shown while they happen and kept for the report."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Console
from rich.status import Status


@dataclass
class Step:
    """One step of a run. ``lane`` is the region it happened in, or ``lab``."""

    name: str
    lane: str
    started_at: datetime
    finished_at: datetime | None = None
    detail: str = ""

    @property
    def seconds(self) -> float:
        """Duration so far, in seconds."""
        return ((self.finished_at or datetime.now(UTC)) - self.started_at).total_seconds()


@dataclass
class Moment:
    """A point in time that the report marks."""

    name: str
    at: datetime


@dataclass
class Timeline:
    """The steps of a run, printed to ``stream`` as they end; a spinner shows the current one on a terminal."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    steps: list[Step] = field(default_factory=list[Step])
    moments: list[Moment] = field(default_factory=list[Moment])

    def __post_init__(self) -> None:
        self._console = Console(file=self.stream, highlight=False, soft_wrap=True)
        self._status: Status | None = None
        self._began = time.monotonic()

    @contextmanager
    def step(self, name: str, lane: str = "lab") -> Generator[Step]:
        """Run a step: its time is taken and its line printed when it ends, also when it fails."""
        step = Step(name, lane, datetime.now(UTC))
        self.steps.append(step)
        self._show(step)
        mark = "[red]failed[/red]"
        try:
            yield step
            mark = "[green]done[/green]"
        finally:
            step.finished_at = datetime.now(UTC)
            self._hide()
            detail = f"  [dim]{step.detail}[/dim]" if step.detail else ""
            self._console.print(f"{step.seconds:7.1f} s  {mark}  {name}{detail}")

    def update(self, step: Step, detail: str) -> None:
        """Say how far the running step has come."""
        step.detail = detail
        if self._status is not None:
            self._status.update(f"{step.name}: {detail}")

    def mark(self, name: str) -> datetime:
        """Mark this moment, and return it."""
        moment = Moment(name, datetime.now(UTC))
        self.moments.append(moment)
        return moment.at

    def note(self, text: str) -> None:
        """Print a line between the steps."""
        self._console.print(text)

    def _show(self, step: Step) -> None:
        if self._console.is_terminal:
            self._status = self._console.status(f"{step.name} ...")
            self._status.start()

    def _hide(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
