"""What the steps of an operation stand on: its request, the journal, the guards of both regions, and a clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from recovery.failover.answers import Moment, Request
from recovery.failover.epochs import Epoch, current_epoch
from recovery.failover.errors import SilentError
from recovery.failover.journal import Journal
from recovery.failover.preflight import SiteFacts
from recovery.names import Names

Answer = TypeVar("Answer", bound=BaseModel)

# Well within the time-out of the function that looks.
LOOKING = timedelta(seconds=15)
PAUSE_SECONDS = 0.25


class Guards(Protocol):
    """The guards of both regions."""

    def ask(self, region: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """What the guard answers. Raises :class:`SilentError`, or RuntimeError with what the guard raised."""
        ...


@dataclass(frozen=True, kw_only=True)
class Conduct:
    """What every step has at hand. ``clock`` is UTC; ``pause`` waits between two looks, in seconds."""

    names: Names
    request: Request
    journal: Journal
    guards: Guards
    pause: Callable[[float], None]
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @property
    def new_region(self) -> str:
        """Where the application is to serve."""
        failover = self.request.direction == "failover"
        return self.names.recovery_region if failover else self.names.primary_region

    @property
    def old_region(self) -> str:
        """Where it serves now."""
        return self.names.other_region(self.new_region)

    @property
    def epoch(self) -> Epoch:
        """The epoch that this operation begins."""
        return self.known("claim", Epoch)

    def standing_epoch(self) -> Epoch:
        """The newest epoch, whoever began it."""
        return current_epoch(self.journal.store, self.journal.database, first_region=self.names.primary_region)

    def facts(self, region: str) -> SiteFacts | None:
        """A region as its guard sees it, None when that does not answer."""
        try:
            return SiteFacts.model_validate(self.guards.ask(region, "look", {}))
        except SilentError:
            return None

    def told(self, action: str) -> Moment:
        """Let the guard of the new region do what it answers nothing to, and keep when."""

        def work() -> Moment:
            self.guards.ask(self.new_region, action, {})
            return Moment(at=self.clock())

        return self.journal.once(action, Moment, work)

    def known(self, step: str, model: type[Answer]) -> Answer:
        """What a step answered. Raises RuntimeError when it was not done."""
        found = self.journal.recall(step, model)
        if found is None:
            raise RuntimeError(f"expected the step {step} of {self.request.operation} to be done, found it missing")
        return found

    def soon(self, look: Callable[[], bool]) -> bool:
        """Look for LOOKING; the state machine then asks again."""
        until = self.clock() + LOOKING
        while not look():
            if self.clock() >= until:
                return False
            self.pause(PAUSE_SECONDS)
        return True
