"""What an operation has done: one object a step, written once, so that a repeated step answers as it did first."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from recovery.evidence.chain import Store

Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True)
class Journal:
    """``failovers/{database}/{operation}/{step}.json``. Methods raise what the store raises."""

    store: Store
    database: str
    operation: str

    @property
    def folder(self) -> str:
        """The prefix of this operation's steps."""
        return f"failovers/{self.database}/{self.operation}/"

    def once(self, step: str, model: type[Answer], work: Callable[[], Answer]) -> Answer:
        """The step's answer: the kept one, or that of ``work``, which is kept. Of two at once the first one stands."""
        kept = self.recall(step, model)
        if kept is not None:
            return kept
        answer = work()
        if self.store.write_once(self._key(step), answer.model_dump_json(indent=2).encode(), "application/json"):
            return answer
        return model.model_validate_json(self.store.read(self._key(step)))

    def recall(self, step: str, model: type[Answer]) -> Answer | None:
        """What a step answered, None when it was not done."""
        if self._key(step) not in self.store.written(self.folder):
            return None
        return model.model_validate_json(self.store.read(self._key(step)))

    def done(self) -> dict[str, datetime]:
        """The steps that were done, and when each was kept, in that order."""
        found = self.store.written(self.folder)
        names = {key.removeprefix(self.folder).removesuffix(".json"): time for key, time in found.items()}
        return dict(sorted(names.items(), key=lambda each: each[1]))

    def _key(self, step: str) -> str:
        return f"{self.folder}{step}.json"


def as_payload(model: BaseModel) -> dict[str, Any]:
    """A model as JSON values, to send to a function."""
    return model.model_dump(mode="json")
