"""Replacing a database in one instant, whatever SQLite keeps beside it and whoever else has it open.

The old database is taken out of WAL mode under its own locks (checkpoint, then ``journal_mode = DELETE``, which SQLite
grants to nobody while another connection is there), so that it is one file and no log is left that could be played
into the new one; then one rename replaces it. docs/decisions/0012-the-swap-is-a-rename.md weighs this against copying
the new pages into the old file.
"""

import os
import shutil
import sqlite3
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from device.database import copy, opened, side_files
from device.errors import CorruptDatabaseError, DatabaseInUseError
from device.files import rename, sync_file, sync_folder
from device.manifest import timestamp


class Alone:
    """A database that nobody else can open while it is replaced; when it is not replaced after all, nothing changed.

    ``connection`` is None for a file that SQLite does not know as a database: nobody can have that open. Entering
    raises :class:`DatabaseInUseError` when others have it open, and as :func:`device.database.opened`.
    """

    def __init__(self, database: Path, key: str | None) -> None:
        self.connection: sqlite3.Connection | None = None
        self._database = database
        self._key = key
        self._was_wal = False
        self._replaced = False
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            with ExitStack() as stack:
                connection = stack.enter_context(opened(self._database, self._key))
                stack.callback(self._give_back, connection)
                self._take(connection)
                self.connection = connection
                self._stack = stack.pop_all()
        except CorruptDatabaseError:
            self.connection = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def copy(self, into: Path) -> None:
        """Copy what is to be replaced: as a plain database, or byte by byte when it is none. Raises OSError."""
        if self.connection is None:
            shutil.copyfile(self._database, into)
        else:
            copy(self.connection, into, self._key)

    def replace(self, staged: Path) -> None:
        """Put ``staged`` in the database's place, with its owner and rights. Raises OSError."""
        old = self._database.stat()
        staged.chmod(old.st_mode & 0o7777)
        with suppress(PermissionError):
            os.chown(staged, old.st_uid, old.st_gid)
        if self.connection is None:
            set_side_files_aside(self._database)
        place(staged, self._database)
        self._replaced = True

    def _take(self, connection: sqlite3.Connection) -> None:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "wal":
            self._was_wal = True
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            if mode == "wal":
                raise DatabaseInUseError(
                    expected="to have the database alone",
                    found="another program that has it open",
                    do="close the app and try again",
                )
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        # Ends the transaction and keeps its lock: SQLite copies no database that is being written to.
        connection.execute("COMMIT")

    def _give_back(self, connection: sqlite3.Connection) -> None:
        """Leave the database as it was. Where that fails, what made us leave it counts."""
        if self._replaced or not self._was_wal:
            return
        with suppress(Exception):
            connection.execute("PRAGMA locking_mode = NORMAL")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # lets go of the lock
            connection.execute("PRAGMA journal_mode = WAL")


def place(staged: Path, database: Path) -> None:
    """Put a file in a database's place in one instant, for good. Raises OSError."""
    sync_file(staged)
    rename(staged, database)


def set_side_files_aside(database: Path) -> None:
    """Rename the log of a missing or damaged database, which must never be played into another. Raises OSError."""
    moment = timestamp(datetime.now(UTC))
    for path in side_files(database):
        path.rename(path.with_name(f"{path.name}.aside-{moment}"))
    sync_folder(database.parent)
