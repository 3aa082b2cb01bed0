"""SQLite databases of the device: opening them, copying a live one, checking a copy.

An encrypted (SQLCipher) database needs its key and the extra ``sqlcipher``. Its copies are plain: the key lies in the
phone that may be lost, and a backup has to open without it.
"""

import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

from device.errors import (
    BackupError,
    CorruptDatabaseError,
    DatabaseInUseError,
    DatabaseKeyError,
    ForeignKeysError,
    NoSpaceError,
    NotThereError,
    StorageError,
    UsageError,
)
from device.limits import DATABASE_TIMEOUT_SECONDS

_SIDE_FILES = ("-wal", "-shm", "-journal")


def side_files(database: Path) -> list[Path]:
    """The files that SQLite keeps beside a database, as far as they are there."""
    paths = [database.with_name(database.name + suffix) for suffix in _SIDE_FILES]
    return [path for path in paths if path.exists()]


@contextmanager
def opened(database: Path, key: str | None) -> Generator[sqlite3.Connection]:
    """A connection to a live database, as the app itself has one; nothing is created.

    What SQLite refuses inside the block is raised as a :class:`BackupError` of its cause.
    """
    if not database.is_file():
        raise NotThereError("a database", database)
    with database_errors(database, key), closing(_connect(database, key)) as connection:
        yield connection


@contextmanager
def opened_copy(database: Path) -> Generator[sqlite3.Connection]:
    """A connection to a plain copy that nobody writes to: no locks, no files beside it, usable from any thread."""
    with database_errors(database, None), closing(_sealed(database)) as connection:
        yield connection


def copy(source: sqlite3.Connection, into: Path, key: str | None) -> None:
    """Copy the database as one transaction sees it into a new plain file. Raises sqlite3.Error.

    With ``pages=-1`` no write of another program can restart the copy, or come in between.
    """
    if key is not None:
        _export(source, into)
        return
    with closing(sqlite3.connect(into)) as target:
        # A copy that was not finished is thrown away, so it needs neither a journal nor waiting for the disk.
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        source.backup(target, pages=-1, progress=_Deadline(), sleep=0.02)


def encrypt(plain: Path, into: Path, key: str) -> None:
    """Write a plain database into a new encrypted file. Raises :class:`BackupError` and SQLCipher's errors."""
    into.touch(0o600)
    with database_errors(into, key), closing(_connect(into, key)) as target:
        target.execute("ATTACH DATABASE ? AS plain KEY ''", (str(plain),))
        target.execute("SELECT sqlcipher_export('main', 'plain')")
        _copy_header(target, "plain", "main")


def check(database: Path, *, full: bool) -> None:
    """As :func:`check_connection`, of a plain copy."""
    with opened_copy(database) as connection:
        check_connection(connection, full=full)


def check_connection(connection: sqlite3.Connection, *, full: bool) -> None:
    """Have SQLite check a database: its structure, quickly or in full, and its foreign keys.

    Raises :class:`CorruptDatabaseError` and :class:`ForeignKeysError`.
    """
    fault = _structural_fault(connection, "integrity_check" if full else "quick_check")
    if fault != "ok":
        raise corrupt(fault)
    dangling = connection.execute("PRAGMA foreign_key_check").fetchone()
    if dangling is not None:
        table, row, parent, _ = dangling
        raise ForeignKeysError(
            expected="every row to refer to one that is there",
            found=f"row {row} of {table}, which refers to a missing row of {parent}",
            do="mend or delete that row (PRAGMA foreign_key_check lists all of them), or recover from a backup",
        )


def corrupt(fault: str) -> CorruptDatabaseError:
    """The error of a database that SQLite finds faults in."""
    return CorruptDatabaseError(
        expected="a sound SQLite database",
        found=" ".join(fault.split()),
        do="keep this file, and recover from the newest good backup; if it is encrypted, give its key",
    )


def user_version(connection: sqlite3.Connection) -> int:
    """SQLite's ``user_version``, where apps keep their schema's version."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return version


def count_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows each table holds; virtual tables have none of their own, and SQLite's own tables are left out."""
    names = connection.execute(
        "SELECT name FROM sqlite_schema"
        " WHERE type = 'table' AND rootpage > 0 AND name NOT GLOB 'sqlite_*' ORDER BY name"
    ).fetchall()
    counts: dict[str, int] = {}
    for (name,) in names:
        quoted = name.replace('"', '""')
        (counts[name],) = connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()  # noqa: S608 - quoted
    return counts


@contextmanager
def database_errors(database: Path, key: str | None) -> Generator[None]:
    """Raise what SQLite refuses as a :class:`BackupError` of its cause."""
    try:
        yield
    except sqlite3.Error as error:
        raise _cause(error, database, key) from None
    except Exception as error:
        # SQLCipher's module has a hierarchy of its own, and may not be installed.
        if type(error).__module__.partition(".")[0] != "sqlcipher3":
            raise
        raise _cause(error, database, key) from None


def _cause(error: Exception, database: Path, key: str | None) -> BackupError:
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    code = extended & 0xFF
    found = f"{error} ({database})"
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        if key is not None and code == sqlite3.SQLITE_NOTADB:
            return DatabaseKeyError(
                expected="the database's key",
                found=found,
                do="give the right key, or move the file away if it is damaged",
            )
        return corrupt(found)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        # SQLite waits for a lock, but not for who has the database open in WAL mode: no time can be told here.
        return DatabaseInUseError(
            expected="a database that is free",
            found="another program that holds it",
            do="close that program and try again",
        )
    if code == sqlite3.SQLITE_FULL:
        return NoSpaceError(expected="room to write", found=found, do="free some and try again; nothing was changed")
    if extended == sqlite3.SQLITE_IOERR_WRITE:
        # What is full SQLite tells apart; a quota or a limit on the size of files it does not.
        return StorageError(
            expected="storage that takes what is written",
            found=f"{error}, in writing {database.name} or a copy of it",
            do="check your quota, the largest file that is allowed, and the storage itself; nothing was changed",
        )
    return StorageError(
        expected="a database that can be read", found=found, do="check the path, its rights and its key"
    )


class _Deadline:
    """Ends a copy whose source stays locked, which SQLite would wait for without end."""

    def __init__(self) -> None:
        self._until = time.monotonic() + DATABASE_TIMEOUT_SECONDS

    def __call__(self, status: int, remaining: int, total: int) -> None:
        del remaining, total
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > self._until:
            raise DatabaseInUseError(
                expected=f"the database within {DATABASE_TIMEOUT_SECONDS:g} s",
                found="a program that keeps writing to it",
                do="let it finish and try again",
            )


def _connect(database: Path, key: str | None) -> sqlite3.Connection:
    uri = f"{database.absolute().as_uri()}?mode=rw"
    options: dict[str, Any] = {"uri": True, "timeout": DATABASE_TIMEOUT_SECONDS, "isolation_level": None}
    if key is not None:
        connection = cast(sqlite3.Connection, _sqlcipher().connect(uri, **options))
        # A pragma takes no parameters. SQLCipher knows a raw key by its form, x'...', in quotes or not.
        connection.execute("PRAGMA key = '" + key.replace("'", "''") + "'")
        return connection
    connection = sqlite3.connect(uri, **options)
    try:
        connection.execute("PRAGMA schema_version")
    except sqlite3.OperationalError as error:
        connection.close()
        # A folder that takes no files: without a log beside it, the database is all there is.
        refusals = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
        if error.sqlite_errorcode & 0xFF not in refusals or side_files(database):
            raise
        return _sealed(database)
    except BaseException:
        connection.close()
        raise
    return connection


def _sealed(database: Path) -> sqlite3.Connection:
    uri = f"{database.absolute().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _sqlcipher() -> Any:  # noqa: ANN401 - the package has no types
    try:
        from sqlcipher3 import dbapi2
    except ImportError:
        raise UsageError(
            expected="the package sqlcipher3 for an encrypted database",
            found="none",
            do="install duskspendr-continuity[sqlcipher]",
        ) from None
    return dbapi2


def _export(source: sqlite3.Connection, into: Path) -> None:
    source.execute("ATTACH DATABASE ? AS plain KEY ''", (str(into),))
    source.execute("BEGIN")
    source.execute("SELECT sqlcipher_export('plain')")
    source.execute("COMMIT")
    _copy_header(source, "main", "plain")
    source.execute("DETACH DATABASE plain")


def _structural_fault(connection: sqlite3.Connection, pragma: str) -> str:
    try:
        (fault,) = connection.execute(f"PRAGMA {pragma}(1)").fetchone()
    except sqlite3.OperationalError as error:
        name = str(error).partition("no such collation sequence: ")[2]
        if not name:
            raise
        # Some apps bring an order of texts of their own (Android's LOCALIZED). Without it nobody can tell whether an
        # index keeps that order, which is what the quick check leaves out.
        connection.create_collation(name, _any_order)
        return _structural_fault(connection, "quick_check")
    return str(fault)


def _any_order(left: str, right: str) -> int:
    return (left > right) - (left < right)


def _copy_header(connection: sqlite3.Connection, source: str, target: str) -> None:
    """What sqlcipher_export leaves behind: the numbers that applications keep in the header."""
    for pragma in ("user_version", "application_id"):
        (value,) = connection.execute(f"PRAGMA {source}.{pragma}").fetchone()
        connection.execute(f"PRAGMA {target}.{pragma} = {value}")
