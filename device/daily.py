"""One backup a day, whenever the device is on: made, proven, brought to the cloud, old ones pruned.

It may be started as often as one likes, by timers and by the app itself: it knows from a file beside the backups
whether one is due, and goes on where a start before it failed. Its failures are told, and never raised: nothing that
starts beside it may be stopped by them.
"""

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from device.errors import BackupError, StorageError
from device.limits import DAILY_WINDOW_HOURS, DAILY_WINDOW_START_HOUR
from device.placing import placed
from device.terminal import storage_error

STATE_NAME = ".daily.json"
LOCK_NAME = ".daily.lock"

Clock = Callable[[], datetime]
Outcome = Literal["done", "not_due", "running", "failed"]


class Failure(BaseModel):
    """Why a start did not get to its end."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


class DailyState(BaseModel):
    """What the starts so far came to. ``seed`` is this device's own chance, which sets the hour of its backups."""

    model_config = ConfigDict(frozen=True)

    seed: int = Field(default_factory=lambda: secrets.randbits(32))
    attempted_at: AwareDatetime | None = None
    created_at: AwareDatetime | None = None
    backup: str | None = None
    uploaded: bool = False
    failure: Failure | None = None


@dataclass(frozen=True)
class Daily:
    """The steps of a day's backup, in one folder.

    ``upload`` is None while nobody is signed in; then backups stay on the device alone. ``clock`` gives local time with
    its zone.
    """

    folder: Path
    create: Callable[[], Path]
    prune: Callable[[], Sequence[Path]]
    upload: Callable[[Path], object] | None
    clock: Clock = lambda: datetime.now().astimezone()

    def run(self) -> "DailyReport":
        """Do what is due. Raises nothing: the report says what failed, and so does the state for who looks later."""
        try:
            if not self.folder.is_dir():  # the lock would make it, and not on the medium that is missing
                raise StorageError(
                    expected="the folder of the backups",
                    found=f"none at {self.folder}",
                    do="create it, or bring the medium back that it is on",
                )
            with FileLock(self.folder / LOCK_NAME, timeout=0):
                return self._run()
        except Timeout:
            return DailyReport("running")
        except (StorageError, OSError) as error:
            return DailyReport("failed", failure=_failure(error))

    def state(self) -> DailyState:
        """What is known of the starts so far; nothing where the file is missing or damaged: then a backup is due."""
        try:
            return DailyState.model_validate_json((self.folder / STATE_NAME).read_bytes())
        except (OSError, ValidationError):
            return DailyState()

    def _run(self) -> "DailyReport":
        now = self.clock()
        state = self.state()
        is_due = _is_due(state, now)
        if not is_due and not self._waits_for_upload(state):
            return self._report("not_due", state)
        self._save(state.model_copy(update={"attempted_at": now, "failure": None}))
        pruned: Sequence[Path] = ()
        try:
            if is_due:
                self._note(backup=self.create().name, created_at=now, uploaded=False)
                pruned = self.prune()
            if self.upload is not None and self._waits_for_upload(self.state()):
                self.upload(self.folder / str(self.state().backup))
                self._note(uploaded=True)
        # Whatever it is: the app beside us must start.
        except Exception as error:
            self._note(failure=_failure(error))
        state = self.state()
        return self._report("failed" if state.failure else "done", state, pruned)

    def _waits_for_upload(self, state: DailyState) -> bool:
        if self.upload is None or state.uploaded or state.backup is None:
            return False
        return (self.folder / state.backup).is_file()

    def _note(self, **facts: object) -> None:
        """Keep at once what was done, so that a start after a crash does not do it again."""
        self._save(self.state().model_copy(update=facts))

    def _save(self, state: DailyState) -> None:
        with placed(self.folder / STATE_NAME, overwrite=True) as partial:
            partial.write_text(state.model_dump_json(indent=2) + "\n", encoding="utf-8")

    def _report(self, outcome: Outcome, state: DailyState, pruned: Sequence[Path] = ()) -> "DailyReport":
        path = None if state.backup is None else self.folder / state.backup
        return DailyReport(outcome, path, state.uploaded, tuple(pruned), state.failure)


@dataclass(frozen=True)
class DailyReport:
    """``backup`` is the newest one that a start made; ``running`` means that another start is at it."""

    outcome: Outcome
    backup: Path | None = None
    uploaded: bool = False
    pruned: tuple[Path, ...] = ()
    failure: Failure | None = None


def _is_due(state: DailyState, now: datetime) -> bool:
    if state.created_at is None or state.created_at > now:  # never, or the clock was set back
        return True
    return state.created_at < _newest_due(state.seed, now)


def _newest_due(seed: int, now: datetime) -> datetime:
    """The last moment that a backup fell due: one a day, in the night, at another minute on every device."""
    days = (now.date(), now.date() - timedelta(days=1))
    return next(moment for day in days if (moment := _due_on(seed, day, now)) <= now)


def _due_on(seed: int, day: date, now: datetime) -> datetime:
    share = random.Random(f"{seed} {day}").random()  # noqa: S311 - it spreads load, and hides nothing
    opens = datetime.combine(day, time(DAILY_WINDOW_START_HOUR), now.tzinfo)
    return opens + share * timedelta(hours=DAILY_WINDOW_HOURS)


def _failure(error: Exception) -> Failure:
    if isinstance(error, OSError):
        error = storage_error(error)
    code = error.code if isinstance(error, BackupError) else "defect"
    return Failure(code=code, message=str(error) or type(error).__name__)
