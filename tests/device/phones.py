"""A phone for the tests: a database that looks like the app's, a key, a folder of backups, and processes that die."""

import os
import signal
import sqlite3
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pyrage.x25519 import Identity

from device import keys
from device.backups import BackupManager
from device.context import Context
from device.schema.synthetic import create

TRANSACTIONS = 300


@dataclass
class Phone:
    """``step`` is told what the client is about to do."""

    folder: Path
    identity: Identity = field(default_factory=keys.generate)

    @property
    def database(self) -> Path:
        return self.folder / "DuskSpendr.db"

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    @property
    def undo(self) -> Path:
        return self.folder / "DuskSpendr.db.undo.enc"

    def manager(
        self, *, step: Callable[[str], None] | None = None, at: datetime | None = None, key: str | None = None
    ) -> BackupManager:
        context = Context(
            key=key, app_version="test 1.0", step=step or (lambda _: None), clock=lambda: at or datetime.now(UTC)
        )
        return BackupManager(
            self.database,
            self.backups,
            recipients=[self.identity.to_public()],
            identities=[self.identity],
            context=context,
        )

    def write(self, statement: str) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(statement)

    def rows(self) -> list[tuple[object, ...]]:
        return rows(self.database)

    def leftovers(self) -> list[str]:
        """Whatever lies in the phone's folders that is not meant to stay there."""
        places = [*self.folder.iterdir(), *(self.backups.iterdir() if self.backups.is_dir() else ())]
        return [
            each.name
            for each in places
            if each.name.startswith(".") or each.name.endswith(("-wal", "-shm", "-journal"))
        ]


def a_phone(folder: Path, *, transactions: int = TRANSACTIONS, journal_mode: str = "wal") -> Phone:
    phone = Phone(folder)
    create(phone.database, transactions=transactions)
    phone.write(f"PRAGMA journal_mode = {journal_mode}")
    return phone


def rows(database: Path) -> list[tuple[object, ...]]:
    """Every transaction of a sound database."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute("SELECT * FROM transactions ORDER BY id").fetchall()


def in_child(work: Callable[[], object]) -> int:
    """Do it in a process of its own, and return what that ended with: a signal's number, negative, or its status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_at(wanted: str) -> Callable[[str], None]:
    """A step that kills its process, as the system does that needs its memory."""

    def step(name: str) -> None:
        if name == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return step


def steps_of(work: Callable[[Callable[[str], None]], object]) -> list[str]:
    """The names of the steps of some work."""
    taken: list[str] = []
    work(taken.append)
    return taken
