"""Whether a database is DuskSpendr's, of which version, and how much it holds."""

import sqlite3
from collections.abc import Mapping

# In the order in which rows refer to each other; those of older versions are among them.
TABLES = ("accounts", "categories", "transactions", "budgets")

# Every version has these, and no other application is likely to have all of them.
_MARKS = {
    "accounts": {"id", "balance_paisa"},
    "transactions": {"id", "account_id", "type", "amount_paisa", "merchant", "description", "occurred_at"},
}


def version_of(connection: sqlite3.Connection) -> int | None:
    """The schema version of a DuskSpendr database; None for any other application's.

    Raises sqlite3.DatabaseError when the file cannot be read.
    """
    if any(not columns <= _columns(connection, table) for table, columns in _MARKS.items()):
        return None
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return version or None


def is_empty(counts: Mapping[str, int]) -> bool:
    """Whether a DuskSpendr database of so many rows holds nothing of a person's own: categories come with the app."""
    return not any(counts.get(table) for table in TABLES if table != "categories")


def row_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows each of DuskSpendr's tables holds that this version has."""
    return {
        table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608 - our own names
        for table in TABLES
        if _columns(connection, table)
    }


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
