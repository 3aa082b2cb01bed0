"""Bringing a DuskSpendr database to the version of this client, a transaction a step."""

import sqlite3

from device.errors import CorruptDatabaseError, NewerSchemaError
from device.schema.identity import row_counts, version_of
from device.schema.published import PUBLISHED
from device.schema.steps import STEPS, Step

current_version = max(PUBLISHED)


def migrate(connection: sqlite3.Connection) -> list[str]:
    """Take every step that the database is behind, and return their titles; a foreign database stays as it is.

    A step that fails leaves the database at the version before it. Needs a connection without an open transaction.
    Raises :class:`NewerSchemaError` for a version that this client does not know, :class:`CorruptDatabaseError` when
    the rows contradict each other, and sqlite3.Error.
    """
    version = version_of(connection)
    if version is None:
        return []
    if version > current_version:
        raise NewerSchemaError(
            expected=f"a database of schema version {current_version} or older",
            found=f"version {version}",
            do="update this program, it is older than the app that wrote the database",
        )
    (enforced,) = connection.execute("PRAGMA foreign_keys").fetchone()
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        for older in range(version, current_version):
            _take(connection, STEPS[older], older)
    finally:
        connection.execute(f"PRAGMA foreign_keys = {enforced}")
    return [STEPS[older].title for older in range(version, current_version)]


def _take(connection: sqlite3.Connection, step: Step, older: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        before = row_counts(connection)
        step.run(connection)
        after = row_counts(connection)
        connection.execute(f"PRAGMA user_version = {older + 1}")
        _check(connection, before, after, older)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _check(connection: sqlite3.Connection, before: dict[str, int], after: dict[str, int], older: int) -> None:
    """No row may be lost, and none may refer to what is not there."""
    changed = {table: (count, after.get(table)) for table, count in before.items() if after.get(table) != count}
    dangling = connection.execute("PRAGMA foreign_key_check").fetchone()
    if changed or dangling:
        what = f"rows before and after {changed}" if changed else f"a row of {dangling[0]} that refers to a missing one"
        raise CorruptDatabaseError(
            expected=f"every row to survive the step from schema version {older} to {older + 1}",
            found=what,
            do="restore an earlier backup; this database is left as it was",
        )
