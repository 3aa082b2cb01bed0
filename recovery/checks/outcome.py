"""What a check is made of: what it is told, the parts it runs in, and what it answers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from recovery.check_results import Measurement, Status
from recovery.database import Connection
from recovery.invariants import PACKAGED_INVARIANTS
from recovery.manifest import Manifest

Argument = str | int | list[int] | list[str]


def _silent(_: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class CheckContext:
    """What the restored database is held against.

    ``disaster_time`` is the moment up to which data was asked back, None when there was none; ``rpo`` is the most that
    may be missing before it, None when no objective applies. Nobody can have written to what was restored after
    ``restore_started_at``, None when that is not known. ``fenced`` is true of a promoted copy that is kept read-only
    until it is proven. ``invariants`` are the folders with the questions about the
    product's rows. ``progress`` is told what a long check is at.
    """

    manifest: Manifest
    disaster_time: datetime | None = None
    rpo: timedelta | None = None
    restore_started_at: datetime | None = None
    fenced: bool = False
    invariants: tuple[Path, ...] = (PACKAGED_INVARIANTS,)
    progress: Callable[[str], None] = _silent


class Part(BaseModel):
    """A piece of a check, small enough for one call of a function. ``label`` tells a person which piece it is."""

    model_config = ConfigDict(frozen=True)

    check: str
    label: str
    arguments: dict[str, Argument] = {}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An answer of a check or of one part, in words for a person and in numbers.

    ``payload`` is what a part hands to its check's conclusion, as JSON; nobody else sees it. ``part`` tells the
    conclusion whose answer it is.
    """

    status: Status
    detail: str
    measurements: dict[str, Measurement] = field(default_factory=dict[str, Measurement])
    payload: dict[str, Any] | None = None
    part: Part | None = None


def only(_context: CheckContext, answers: Iterable[Outcome]) -> Outcome:
    """The answer of a check that is one part. Raises ValueError for any other number of them."""
    (outcome,) = answers
    return outcome


@dataclass(frozen=True, kw_only=True)
class Check:
    """A question that a restored database has to pass, and how it is divided.

    ``run`` answers one part within an open snapshot; it may raise, and then nothing is proven. ``parts`` divides the
    question, into one part unless said otherwise. ``conclude`` makes one answer of the parts', which
    it sees one at a time and in order.
    """

    run: Callable[[Connection, CheckContext, Part], Outcome]
    parts: Callable[[Connection, CheckContext], Sequence[Part]] | None = None
    conclude: Callable[[CheckContext, Iterable[Outcome]], Outcome] = only


def counted(count: int, noun: str) -> str:
    """A number with its noun: ``1 row``, ``2 rows``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
