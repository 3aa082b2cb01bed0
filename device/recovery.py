"""What a damaged database needs (REQ-16): the newest backup that is good, in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyrage.x25519 import Identity

from device.context import Context
from device.database import check_connection, opened
from device.errors import (
    CorruptDatabaseError,
    CutError,
    DamagedError,
    ForeignKeysError,
    NewerFormatError,
    NewerSchemaError,
    NoBackupError,
    NotABackupError,
    WrongKeyError,
)
from device.folder import backups
from device.restoring import RestoreResult, restore

# What passes one backup over for the next; anything else would go wrong with the next one too.
_OF_THE_BACKUP = (
    CorruptDatabaseError,
    CutError,
    DamagedError,
    ForeignKeysError,
    NewerFormatError,
    NewerSchemaError,
    NotABackupError,
    WrongKeyError,
)


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What was restored from which backup, and why newer ones were passed over, in words."""

    backup: Path
    passed_over: Sequence[str]
    restored: RestoreResult


def fault(database: Path, context: Context) -> str | None:
    """What is wrong with a live database: missing, damaged, or with rows that refer to none; None when it is sound.

    Raises :class:`~device.errors.BackupError` when it cannot be known: a wrong key, another program that holds it.
    """
    if not database.exists():
        return f"there is no {database.name}"
    try:
        with opened(database, context.key) as connection:
            check_connection(connection, full=True)
    except (CorruptDatabaseError, ForeignKeysError) as error:
        return error.found
    return None


def recover(database: Path, folder: Path, identities: Sequence[Identity], context: Context) -> Recovery:
    """Restore the newest backup of a folder that can be. The damaged database becomes what `undo` brings back.

    Raises :class:`NoBackupError` when none can, :class:`~device.errors.BackupError` of the database, and OSError.
    """
    passed_over: list[str] = []
    for backup in backups(folder):
        try:
            restored = restore(backup.path, database, identities, context)
        except _OF_THE_BACKUP as error:
            passed_over.append(f"{backup.path.name}: {error.found}")
        else:
            return Recovery(backup=backup.path, passed_over=passed_over, restored=restored)
    found = "; ".join(passed_over) or "none"
    raise NoBackupError(
        expected=f"a good backup in {folder}",
        found=found,
        do="look for one elsewhere: in the cloud, or on another disk",
    )
