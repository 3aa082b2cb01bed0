"""Sequences, which logical replication does not move: set at the cutover, with headroom."""

from psycopg.sql import SQL, Identifier, Literal

from recovery.database import Connection, Row, rows
from recovery.migration.tables import MOVED

# So many numbers are left out: nobody can be kept from drawing one on the source while it is frozen, and sessions that
# draw several at once may hold some.
HEADROOM = 1000

_SEQUENCES = SQL("""
SELECT n.nspname AS schema, c.relname AS name, s.last_value, s.increment_by, s.min_value, s.max_value
FROM pg_sequences AS s JOIN pg_namespace AS n ON n.nspname = s.schemaname
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.sequencename
WHERE c.relkind = 'S' AND {moved} ORDER BY 1, 2
""").format(moved=MOVED)


def read_sequences(connection: Connection) -> list[Row]:
    """Where each sequence is."""
    return rows(connection, _SEQUENCES)


def set_sequences(connection: Connection, found: list[Row]) -> int:
    """Set them, none back; how many. One that nobody drew from stays as it is."""
    drawn = [each for each in found if each["last_value"] is not None]
    for each in drawn:
        name = Identifier(each["schema"], each["name"]).as_string(connection)
        connection.execute(SQL("SELECT setval({}, {}, true)").format(Literal(name), Literal(after(each))))
    return len(drawn)


def after(sequence: Row) -> int:
    """Where it goes on: HEADROOM numbers on, never past its end."""
    wanted = sequence["last_value"] + HEADROOM * sequence["increment_by"]
    return max(sequence["min_value"], min(wanted, sequence["max_value"]))
