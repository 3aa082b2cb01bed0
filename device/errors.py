"""What can go wrong, one class a cause: each says what was expected, what was found and what to do.

``code`` is stable: programs that read ``--json`` and the phone's client tell the causes apart by it.
"""

from typing import ClassVar


class BackupError(Exception):
    """A backup, a database or a key that was refused. Nothing was changed."""

    code: ClassVar[str] = "refused"
    exit_status: ClassVar[int] = 1

    def __init__(self, *, expected: str, found: str, do: str) -> None:
        super().__init__(f"expected {expected}, found {found}: {do}")
        self.expected = expected
        self.found = found
        self.do = do


class UsageError(BackupError):
    """The command cannot be understood: an argument is missing, or cannot be what it says."""

    code = "usage"
    exit_status = 2


class NotABackupError(BackupError):
    """The file is no age file, or what it holds is no backup."""

    code = "not_a_backup"


class WrongKeyError(BackupError):
    """The file is whole as far as can be told, but was encrypted to other keys."""

    code = "wrong_key"


class DamagedError(BackupError):
    """The file was a backup and has been changed."""

    code = "damaged"


class CutError(BackupError):
    """The file begins as a backup and ends too early."""

    code = "cut"


class NewerFormatError(BackupError):
    """The backup was written in a format that this version does not know."""

    code = "newer_format"


class NewerSchemaError(BackupError):
    """The backup holds a database of a newer version of the app."""

    code = "newer_schema"


class NoSpaceError(BackupError):
    """The storage is full."""

    code = "no_space"


class StorageError(BackupError):
    """A file or a folder cannot be read or written."""

    code = "storage"


class NotThereError(StorageError):
    """What was named is not there: the command cannot have meant it."""

    code = "not_there"
    exit_status = 2

    def __init__(self, what: str, place: object) -> None:
        super().__init__(expected=what, found=f"none at {place}", do="check the path")


class CorruptDatabaseError(BackupError):
    """SQLite's own checks find faults in a database."""

    code = "corrupt_database"


class ForeignKeysError(BackupError):
    """Rows refer to rows that are not there."""

    code = "foreign_keys"


class EmptyDatabaseError(BackupError):
    """A database without rows of anybody's: its backup would be worth nothing, and look like the newest."""

    code = "empty_database"


class DatabaseInUseError(BackupError):
    """Another program holds the database, and did not let go of it in time."""

    code = "database_in_use"


class DatabaseKeyError(BackupError):
    """An encrypted database without its key, or with another."""

    code = "database_key"


class NothingToUndoError(BackupError):
    """No restore is there to be taken back."""

    code = "nothing_to_undo"


class NoBackupError(BackupError):
    """No backup is there that could be used."""

    code = "no_backup"
