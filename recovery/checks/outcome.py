"""What a check is told, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from recovery.manifest import Manifest

Status = Literal["passed", "failed", "not_proven"]
Measurement = float | int | str | None


def _silent(_: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class CheckContext:
    """What the restored database is held against.

    ``disaster_time`` is the moment up to which data was asked back, None when there was none; ``rpo`` is the most that
    may be missing before it, None when no objective applies. Nobody can have written to what was restored after
    ``restore_started_at``, None when that is not known. ``progress`` is told what a long check is at.
    """

    manifest: Manifest
    disaster_time: datetime | None = None
    rpo: timedelta | None = None
    restore_started_at: datetime | None = None
    progress: Callable[[str], None] = _silent


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A check's answer, in words for a person and in numbers."""

    status: Status
    detail: str
    measurements: dict[str, Measurement] = field(default_factory=dict[str, Measurement])


def counted(count: int, noun: str) -> str:
    """A number with its noun: ``1 row``, ``2 rows``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
