"""The marker: one row that travels like every other, so that its arrival says what else has arrived.

Logical replication applies transactions in the order of their commits. Once the target shows the number that was
written to the source, it has every transaction that committed there before, and nothing has to be concluded from
positions that the servers report when it suits them.
"""

import time

from recovery.database import Connection, row, rows
from recovery.migration.ends import Ends

PAUSE_SECONDS = 0.002


def make_marker(connection: Connection) -> None:
    """Make the marker's table. Its index tells, at the target, that the second part of the schema is there."""
    with connection.transaction():
        connection.execute(
            "CREATE TABLE IF NOT EXISTS continuity.migration_marker (only_row boolean PRIMARY KEY DEFAULT true,"
            " number bigint NOT NULL)"
        )
        connection.execute("CREATE INDEX IF NOT EXISTS migration_marker_number ON continuity.migration_marker (number)")
        connection.execute(
            "INSERT INTO continuity.migration_marker (number) VALUES (1) ON CONFLICT (only_row) DO NOTHING"
        )


def has(connection: Connection, name: str) -> bool:
    """Whether the marker's table or index is there."""
    return row(connection, "SELECT to_regclass(%s) IS NOT NULL AS present", (name,))["present"]


def write_marker(connection: Connection) -> int:
    """Write the next number, and return it."""
    return row(connection, "UPDATE continuity.migration_marker SET number = number + 1 RETURNING number AS written")[
        "written"
    ]


def wait_for_marker(ends: Ends, number: int, *, seconds: float) -> None:
    """Wait until the target has that number. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not arrived(ends, number):
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"expected the target to have applied everything within {seconds:g} s, found it behind: see"
                " `dr migrate status`"
            )
        time.sleep(PAUSE_SECONDS)


def arrived(ends: Ends, number: int) -> bool:
    """Whether the target has it."""
    return bool(rows(ends.target.connection, "SELECT 1 FROM continuity.migration_marker WHERE number >= %s", (number,)))


def drop_marker(connection: Connection) -> None:
    """Take it away."""
    connection.execute("DROP TABLE IF EXISTS continuity.migration_marker")
