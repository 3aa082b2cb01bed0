"""What every piece of work has to know."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _no_step(_: str) -> None:
    return


def client_version() -> str:
    """This client, as manifests name it."""
    from importlib.metadata import version  # slow to import, and not every command asks

    return f"duskspendr-backup {version('duskspendr-continuity')}"


@dataclass(frozen=True, kw_only=True)
class Context:
    """``key`` opens an encrypted (SQLCipher) database. ``step`` is told what is about to be done.

    ``app_version`` stands in manifests: the app's own, when it is not this command that asks.
    """

    key: str | None = None
    app_version: str | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    step: Callable[[str], None] = _no_step
