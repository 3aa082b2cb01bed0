"""Bringing a backup back: unpack it, prove it, bring it up to date, keep what it replaces, replace that at once.

All of it happens in a work folder beside the database. While the staged database still lies there, nothing was
replaced; the rename that replaces the database takes it away. So a start after a crash knows what to do with the rest:
the copy of what was replaced becomes the undo backup if the rename had happened, and is thrown away if not.
"""

import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyrage.x25519 import Identity

from device import container, record, schema
from device.age_file import damaged
from device.context import Context
from device.creation import describe, require_room, seal
from device.database import check, count_rows, encrypt, opened, opened_copy
from device.errors import DamagedError, NewerSchemaError, NothingToUndoError, NotThereError, WrongKeyError
from device.files import leftovers, rename, work_folder
from device.folder import existing_backup
from device.manifest import Manifest
from device.swap import Alone, place, set_side_files_aside

_STAGED, _UNDO = "database", "undo.enc"


@dataclass(frozen=True, kw_only=True)
class RestoreResult:
    """A database that was brought back. ``undo`` is the backup of what it replaced, None when nothing was there."""

    database: Path
    manifest: Manifest
    migrations: tuple[str, ...]
    undo: Path | None


def undo_path(database: Path) -> Path:
    """Where the encrypted copy of what the last restore replaced lies."""
    return database.with_name(f"{database.name}.undo.enc")


def unpack(path: Path, identities: Sequence[Identity], into: Path) -> Manifest:
    """Unpack a backup's database into a new file.

    Raises as :func:`device.container.read`, and :class:`~device.errors.NoSpaceError`.
    """
    with into.open("xb", buffering=0) as file:
        into.chmod(0o600)
        try:
            return container.read(
                path,
                identities,
                on_content=file.write,
                on_manifest=lambda manifest: require_room(into.parent, manifest.size),
            )
        except WrongKeyError:
            # In a changed header a key fits as little as a wrong one.
            if _is_changed(path):
                raise damaged(path, "other bytes than were verified when it was made") from None
            raise


def prove(database: Path, manifest: Manifest) -> None:
    """Hold an unpacked database against its manifest, SQLite's full checks, its foreign keys and the schema we know.

    Raises :class:`~device.errors.BackupError` of the cause.
    """
    with opened_copy(database) as connection:
        _require_known_schema(connection)
    check(database, full=True)
    with opened_copy(database) as connection:
        counts = count_rows(connection)
    if counts != manifest.row_counts:
        raise DamagedError(
            expected=f"the rows of its manifest: {manifest.row_counts}", found=f"{counts}", do="use another backup"
        )


def prepare(plain: Path, manifest: Manifest, context: Context) -> tuple[str, ...]:
    """Prove an unpacked database, and bring it up to date; the titles of the steps that took.

    Raises as :func:`prove`, and as :func:`device.schema.migrate`.
    """
    prove(plain, manifest)
    context.step("bringing the schema up to date")
    with opened(plain, None) as connection:
        taken = tuple(schema.migrate(connection))
    if taken:
        check(plain, full=True)
    return taken


def restore(
    backup: Path, database: Path, identities: Sequence[Identity], context: Context, *, exactly: bool = False
) -> RestoreResult:
    """Bring a backup back in the place of a database, which may be missing, damaged, or open in no other program.

    ``exactly`` puts back what was there, as it was: neither checked nor migrated. Raises
    :class:`~device.errors.BackupError` of every kind, and OSError; the database is as before then.
    """
    database = database.resolve()
    if not database.parent.is_dir():
        raise NotThereError("a folder for the database", database.parent)
    existing_backup(backup)
    finish_interrupted(database)
    with work_folder(database.parent, _prefix(database)) as work:
        context.step("unpacking the backup")
        plain = work / "plain"
        manifest = unpack(backup, identities, plain)
        context.step("checking the unpacked database")
        migrations = () if exactly else prepare(plain, manifest, context)
        context.step("staging the database")
        staged = work / _STAGED
        if context.key is None:
            plain.rename(staged)
        else:
            encrypt(plain, staged, context.key)
            plain.unlink()
        if database.exists() and database.stat().st_size:
            try:
                _replace(work, database, identities, context)
            finally:
                undo = _settle(work, database)
        else:
            context.step("putting the database in its place")
            set_side_files_aside(database)
            place(staged, database)
            undo = None
    context.step("done")
    return RestoreResult(database=database, manifest=manifest, migrations=migrations, undo=undo)


def undo(database: Path, identities: Sequence[Identity], context: Context) -> RestoreResult:
    """Take the last restore back; what that replaces can be brought back by another undo.

    Raises as :func:`restore`, and :class:`NothingToUndoError`.
    """
    database = database.resolve()
    if database.parent.is_dir():
        finish_interrupted(database)
    kept = undo_path(database)
    if not kept.is_file():
        raise NothingToUndoError(
            expected="what a restore replaced", found=f"no {kept.name}", do="there is nothing to take back"
        )
    return restore(kept, database, identities, context, exactly=True)


def finish_interrupted(database: Path) -> None:
    """Finish, or clean up after, a restore whose process was killed. Raises OSError."""
    for work in leftovers(database.parent, _prefix(database)):
        _settle(work, database)
        shutil.rmtree(work, ignore_errors=True)


def _replace(work: Path, database: Path, identities: Sequence[Identity], context: Context) -> None:
    """Keep a sealed copy of the database in the work folder, then put the staged one in its place."""
    with Alone(database, context.key) as alone:
        context.step("keeping what is replaced")
        before, partial = work / "before", work / "undo.partial"
        alone.copy(before)
        recipients = [identity.to_public() for identity in identities]
        manifest = describe(before, context, sound=False)
        seal(manifest, before, partial, recipients, context, done_with=Path.unlink)
        rename(partial, work / _UNDO)
        context.step("putting the database in its place")
        alone.replace(work / _STAGED)
        context.step("keeping the undo backup")


def _settle(work: Path, database: Path) -> Path | None:
    """Keep the undo backup if the staged database has left for its place, and throw it away if not."""
    kept = work / _UNDO
    if (work / _STAGED).exists():
        kept.unlink(missing_ok=True)
    if not kept.exists():
        return None
    rename(kept, undo_path(database))
    return undo_path(database)


def _prefix(database: Path) -> str:
    return f".{database.name}.restore-"


def _require_known_schema(connection: sqlite3.Connection) -> None:
    version = schema.version_of(connection)
    if version is not None and version > schema.current_version:
        raise NewerSchemaError(
            expected=f"a database of schema version {schema.current_version} or older",
            found=f"version {version}",
            do="update this program, it is older than the app that made the backup",
        )


def _is_changed(backup: Path) -> bool:
    """Whether the record of its folder knows the backup as another file."""
    known = [entry for entry in record.read(backup.parent) if entry.name == backup.name]
    return bool(known) and known[-1].sha256 != record.sha256_of(backup)
