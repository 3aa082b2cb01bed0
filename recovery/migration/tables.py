"""The tables that move: all permanent ones of the database, but PostgreSQL's own, an extension's, and our state."""

from dataclasses import dataclass

from psycopg.sql import SQL, Composable, Identifier

from recovery.database import Connection, rows

MARKER = "continuity.migration_marker"

# Also of continuity: the pulse and the epoch are the database's own.
MOVED = SQL("""
    c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT (n.nspname = 'continuity' AND c.relname = 'migration')
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                    AND d.deptype = 'e')
""")

_TABLES = SQL("""
SELECT n.nspname AS schema, c.relname AS name, c.relispartition AS part, pg_table_size(c.oid) AS bytes
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND {moved} ORDER BY n.nspname, c.relname
""").format(moved=MOVED)


@dataclass(frozen=True)
class MovedTable:
    """One table. ``part`` tells that it is a partition of another; ``bytes`` are its own, without indexes."""

    schema: str
    name: str
    part: bool
    bytes: int

    @property
    def identifier(self) -> Identifier:
        """For SQL."""
        return Identifier(self.schema, self.name)

    @property
    def label(self) -> str:
        """``schema.table``."""
        return f"{self.schema}.{self.name}"


def moved_tables(connection: Connection) -> list[MovedTable]:
    """Every table that moves, partitions and their parents each by itself."""
    return [MovedTable(each["schema"], each["name"], each["part"], each["bytes"]) for each in rows(connection, _TABLES)]


def fenced_tables(connection: Connection) -> list[MovedTable]:
    """Those that the application writes: all but our own marker, which the freeze itself writes."""
    return [each for each in moved_tables(connection) if each.label != MARKER]


def named(tables: list[MovedTable]) -> Composable:
    """Them all, for SQL, separated by commas."""
    return SQL(", ").join(each.identifier for each in tables)
