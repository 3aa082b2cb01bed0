"""What every piece of work has to know."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache


def _no_step(_: str) -> None:
    return


@cache
def client_version() -> str:
    """This client, as manifests name it."""
    from importlib.metadata import version  # slow to import, and not every command asks

    return f"duskspendr-backup {version('duskspendr-continuity')}"


@dataclass(frozen=True, kw_only=True)
class Context:
    """``key`` opens an encrypted (SQLCipher) database. ``step`` is told what is about to be done.

    ``app_version`` is what manifests name as their writer: this client, when it is None.
    """

    key: str | None = None
    app_version: str | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    step: Callable[[str], None] = _no_step

    def writer(self) -> str:
        """What manifests name as their writer."""
        return self.app_version or client_version()
