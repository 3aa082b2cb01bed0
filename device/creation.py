"""Making a backup: copy the live database, check the copy, seal it into a file, read that back, put it in its place.

What seals is imported while the database is copied: a phone's is small, and backed up almost as fast as Python starts.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

from pyrage.x25519 import Identity, Recipient

from device import record, schema
from device.context import Context
from device.database import check, copy, count_rows, opened, opened_copy, user_version
from device.errors import CorruptDatabaseError, DamagedError, EmptyDatabaseError, NoSpaceError, StorageError
from device.files import leftovers, locked, rename, work_folder
from device.limits import DATABASE_MAX_BYTES
from device.manifest import Manifest, timestamp
from device.proven_file import ProvenFile

# Of the folders in which work is in progress, beside the database, the backups, or in the system's temporary folder.
WORK_PREFIX = ".duskspendr-backup-"


@dataclass(frozen=True, kw_only=True)
class BackupResult:
    """A backup that is in its place. ``size`` is in bytes, ``sha256`` (hex) that of the file, not of the database.

    ``opened`` is whether it was decrypted with a key, beside being read back as it was written.
    """

    path: Path
    size: int
    sha256: str
    manifest: Manifest
    opened: bool


def create(
    database: Path,
    folder: Path,
    recipients: Sequence[Recipient],
    context: Context,
    *,
    identities: Sequence[Identity] = (),
) -> BackupResult:
    """Make one backup; nothing is in the folder before it is whole, checked and read back.

    With an identity at hand it is decrypted too: nothing else proves that it opens. Raises
    :class:`~device.errors.BackupError` of every kind, and OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = _staging_place(database)
    for parent in {place, folder.resolve()}:
        remove_leftovers(parent)
    with (
        work_folder(place, WORK_PREFIX) as staging,
        work_folder(folder, WORK_PREFIX) as work,
        ThreadPoolExecutor(1) as beside,
    ):
        context.step("copying the database")
        beside.submit(_warm_up, context)
        staged = staging / "database"
        with opened(database, context.key) as source:
            _require_rows(source, database)
            require_room(staging, database.stat().st_size)
            copy(source, staged, context.key)
        context.step("checking the copy")
        checking = beside.submit(check, staged, full=False)
        manifest = describe(staged, context)
        context.step("sealing the copy")
        sealed = work / "backup"
        sha256 = seal(manifest, staged, sealed, recipients, context, done_with=lambda _: beside.submit(staged.unlink))
        checking.result()
        if identities:
            from device import container

            context.step("opening the backup")
            container.read(sealed, identities, on_content=len)
        with locked(folder):
            # First, as a note without its backup says nothing, and a backup without its note may be thought no good.
            context.step("noting that it is good")
            path = _free_name(folder, manifest.created_at)
            record.add(folder, path.name, sha256, sealed.stat().st_size, manifest.created_at)
            context.step("putting the backup in its place")
            rename(sealed, path)
    context.step("done")
    return BackupResult(path=path, size=path.stat().st_size, sha256=sha256, manifest=manifest, opened=bool(identities))


def describe(staged: Path, context: Context, *, sound: bool = True) -> Manifest:
    """The manifest of a plain copy; of one that may not be ``sound``, without what cannot be read.

    Raises :class:`~device.errors.BackupError` and OSError.
    """
    size = staged.stat().st_size
    if size > DATABASE_MAX_BYTES:
        raise StorageError(
            expected=f"a database of at most {DATABASE_MAX_BYTES:,} bytes", found=f"{size:,}", do="split or vacuum it"
        )
    schema_version, counts = 0, dict[str, int]()
    try:
        with opened_copy(staged) as connection:
            schema_version, counts = user_version(connection), count_rows(connection)
    except CorruptDatabaseError:
        if sound:
            raise
    return Manifest(
        app_version=context.writer(),
        schema_version=schema_version,
        created_at=context.clock().astimezone(UTC),
        sha256=record.sha256_of(staged),
        size=size,
        row_counts=counts,
    )


def seal(
    manifest: Manifest,
    staged: Path,
    into: Path,
    recipients: Sequence[Recipient],
    context: Context,
    *,
    done_with: Callable[[Path], object],
) -> str:
    """Write a plain copy as a backup that reads back as it was written; returns the SHA-256 of the file, in hex.

    ``done_with`` gets the copy when it is no longer needed. Raises :class:`DamagedError` when the file reads back
    otherwise, and OSError.
    """
    from device import container

    with ProvenFile(into) as file:
        sha256 = container.write(file, manifest, staged, recipients)
        done_with(staged)
        context.step("syncing the backup")
        file.sync()
        context.step("reading the backup back")
        found = file.read_back()
    if found != sha256:
        raise DamagedError(
            expected="to read back what was written", found="other bytes", do="distrust this storage: use another"
        )
    return sha256


def remove_leftovers(folder: Path) -> None:
    """Remove what a backup left behind whose process was killed. Raises OSError."""
    for abandoned in leftovers(folder, WORK_PREFIX):
        shutil.rmtree(abandoned, ignore_errors=True)


def _warm_up(context: Context) -> None:
    """What is slow the first time, for a thread beside the copying."""
    import_module("device.container")
    context.writer()


def _staging_place(database: Path) -> Path:
    """Where the plain copy lies meanwhile: beside the database, where the same rows lie anyway, if that takes files."""
    folder = database.resolve().parent
    return folder if os.access(folder, os.W_OK, effective_ids=True) else Path(tempfile.gettempdir())


def require_room(folder: Path, size: int) -> None:
    """Find out before the work whether there is room for so many bytes. Raises :class:`NoSpaceError`."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise NoSpaceError(
            expected=f"{size:,} bytes for a copy in {folder}", found=f"{free:,}", do="free some; nothing was changed"
        )


def _require_rows(source: sqlite3.Connection, database: Path) -> None:
    counts = count_rows(source)
    if not any(counts.values()) or (schema.version_of(source) is not None and schema.is_empty(counts)):
        raise EmptyDatabaseError(
            expected="a database with rows",
            found=f"none in {database}",
            do="check the path; if the data is gone, restore the newest backup, which this one would have come before",
        )


def _free_name(folder: Path, now: datetime) -> Path:
    path = folder / f"backup_{timestamp(now)}.enc"
    while path.exists():
        now += timedelta(microseconds=1)
        path = folder / f"backup_{timestamp(now)}.enc"
    return path
