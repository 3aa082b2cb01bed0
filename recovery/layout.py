"""How each table is fingerprinted: its columns, what tells its rows apart, and which buckets they are dealt into.

Rows are dealt by the period they were created in and, within it, by the hash of their key. Rows of one period lie close
together on disk, so the server counts them into buckets that are still in the processor's cache; and what an
application edits is mostly recent, so that the buckets of older periods stay as they were. A table without a creation
time, or with all its rows created at once, is dealt by the hash of the key alone.
"""

from datetime import datetime, timedelta
from typing import Any

from psycopg.sql import SQL, Identifier
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, row, rows
from recovery.row_hash import EXACT_TYPES, Column

_TIMES = ("timestamptz", "timestamp")

# A time without a zone is some clock's local time; the westernmost zone is 12 hours behind UTC, so that a row written
# now can claim to be that much older.
NAIVE_CLOCK_ALLOWANCE = timedelta(hours=12)

# A later update hides the other rows of its bucket. A small table has several buckets a row, a large one a bucket for
# every few rows; no table has more than the most, which take 12 MiB.
_BUCKETS_A_ROW = 4
SMALL_TABLE_BUCKETS = 131_072
_ROWS_A_BUCKET = 8
MOST_BUCKETS = 524_288
# A period's rows are spread over this many buckets, so that even a busy period is not one bucket.
_SPREAD = 32
# Below this size a table is counted; above it the server's own estimate decides about the number of buckets.
_COUNTED_BLOCKS = 4096


class Layout(BaseModel):
    """How a table is fingerprinted.

    A row is settled when its ``change`` (the first that is not null) and its ``creation`` lie before a moment; a table
    that has neither is settled whole. ``key`` tells its rows apart; without one, rows may be equal and fingerprints
    are summed. ``buckets`` are dealt by ``period_seconds`` of creation, each over ``spread`` buckets of the key's hash;
    by the key's hash alone where there is no period.
    """

    model_config = ConfigDict(frozen=True)

    schema_name: str
    table_name: str
    label: str
    partitioned: bool
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    keyed: bool
    change: tuple[str, ...] = ()
    creation: str | None = None
    naive_clock: bool = False
    buckets: int = 1
    period_seconds: int | None = None
    spread: int = 1

    def settled_until(self, settled_at: datetime) -> datetime:
        """The time up to which this table's rows are settled."""
        return settled_at - NAIVE_CLOCK_ALLOWANCE if self.naive_clock else settled_at


_TABLES = SQL("""
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.oid::regclass::text AS label, c.relkind = 'p' AS partitioned
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  -- an unlogged table is empty after any restore
  AND c.relpersistence = 'p'
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'continuity')
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND d.deptype = 'e')
ORDER BY label
""")

_COLUMNS = SQL("""
WITH RECURSIVE base AS (
    SELECT attname, attnum, attnotnull, attcollation, atttypid AS type, 0 AS depth
    FROM pg_attribute WHERE attrelid = %(table)s AND attnum > 0 AND NOT attisdropped
    UNION ALL  -- a domain hashes as what it is made of
    SELECT attname, attnum, attnotnull, attcollation, t.typbasetype, depth + 1
    FROM base JOIN pg_type AS t ON t.oid = base.type WHERE t.typtype = 'd'
)
SELECT DISTINCT ON (attnum) attname AS name, attnotnull AS required, t.typname AS type,
    t.typnamespace = 'pg_catalog'::regnamespace AND coalesce(l.collisdeterministic, true) AS plain
FROM base JOIN pg_type AS t ON t.oid = base.type LEFT JOIN pg_collation AS l ON l.oid = base.attcollation
ORDER BY attnum, depth DESC
""")

_KEY = SQL("""
SELECT a.attname AS name
FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %s AND i.indisprimary AND k.position <= i.indnkeyatts
ORDER BY k.position
""")

# What the last ANALYZE saw; -1 rows when there was none.
_ESTIMATE = SQL("""
SELECT coalesce(sum(pg_relation_size(t.relid) / current_setting('block_size')::int), 0)::bigint AS blocks,
       sum(c.reltuples)::bigint AS rows, bool_or(c.reltuples < 0) AS unknown
FROM (SELECT relid FROM pg_partition_tree(%(table)s) WHERE isleaf
      UNION SELECT %(table)s WHERE NOT %(partitioned)s) AS t
JOIN pg_class AS c ON c.oid = t.relid
""")

# The middle half of the rows by creation time: an import at one moment, or a few very old rows, do not distort it.
_QUARTILES = SQL("""
SELECT extract(epoch FROM bounds[1 + 3 * (cardinality(bounds) - 1) / 4] - bounds[1 + (cardinality(bounds) - 1) / 4])
           AS seconds
FROM (SELECT histogram_bounds::text::{type}[] AS bounds FROM pg_stats
      WHERE schemaname = %(schema)s AND tablename = %(table)s AND attname = %(column)s
      ORDER BY inherited DESC LIMIT 1) AS statistics
WHERE cardinality(bounds) > 4
""")


def layouts(connection: Connection) -> list[Layout]:
    """How each table with content to prove is fingerprinted, in the order of their names."""
    return [_layout(connection, table) for table in rows(connection, _TABLES)]


def bucket_count(row_count: int) -> int:
    """How many buckets a table of that many rows is dealt into: a power of two."""
    small = min(row_count * _BUCKETS_A_ROW, SMALL_TABLE_BUCKETS)
    wanted = max(small, min(row_count // _ROWS_A_BUCKET, MOST_BUCKETS), 1)
    return 1 << (wanted - 1).bit_length()


def _layout(connection: Connection, table: dict[str, Any]) -> Layout:
    columns = rows(connection, _COLUMNS, {"table": table["oid"]})
    by_name = {column["name"]: column for column in columns}
    change, creation, naive = _times(by_name)
    key = [column["name"] for column in rows(connection, _KEY, (table["oid"],))]
    keyed = bool(key)
    if not key and creation is not None:
        key = [creation]  # the next best thing about a row that an update leaves alone
    buckets = bucket_count(_estimated_rows(connection, table)) if key else 1
    spread = min(_SPREAD, buckets)
    period = _period(connection, table, by_name[creation], buckets // spread) if creation and buckets > spread else None
    return Layout(
        schema_name=table["schema"],
        table_name=table["name"],
        label=table["label"],
        partitioned=table["partitioned"],
        columns=tuple(
            Column(
                name=column["name"],
                type=column["type"] if column["plain"] and column["type"] in EXACT_TYPES else None,
                nullable=not column["required"],
            )
            for column in columns
        ),
        key=tuple(key),
        keyed=keyed,
        change=change,
        creation=creation,
        naive_clock=naive,
        buckets=buckets,
        period_seconds=period,
        spread=spread if period else buckets,
    )


def _estimated_rows(connection: Connection, table: dict[str, Any]) -> int:
    found = row(connection, _ESTIMATE, {"table": table["oid"], "partitioned": table["partitioned"]})
    if found["blocks"] > _COUNTED_BLOCKS and not found["unknown"]:
        return found["rows"]
    if found["blocks"] > _COUNTED_BLOCKS:
        return MOST_BUCKETS * _ROWS_A_BUCKET  # never analyzed, and too large to count in passing
    only = SQL("") if table["partitioned"] else SQL("ONLY ")
    counted = SQL("SELECT count(*) AS count FROM {}{}").format(only, Identifier(table["schema"], table["name"]))
    return row(connection, counted)["count"]


def _period(connection: Connection, table: dict[str, Any], creation: dict[str, Any], periods: int) -> int | None:
    """Seconds of a period, so that twice as many as there are places cover twice the middle half of the rows."""
    query = _QUARTILES.format(type=SQL(creation["type"]))
    found = rows(connection, query, {"schema": table["schema"], "table": table["name"], "column": creation["name"]})
    seconds = int(2 * found[0]["seconds"] / periods) if found and found[0]["seconds"] is not None else 0
    return seconds or None


def _times(columns: dict[str, dict[str, Any]]) -> tuple[tuple[str, ...], str | None, bool]:
    """The change columns (the first that is not null counts), the creation column, and whether they lack a zone."""
    updated, created = (_time_column(columns, name) for name in ("updated_at", "created_at"))
    first = updated or created
    if first is None:
        return (), None, False
    # Two columns are only compared when they were written by the same kind of clock, and a creation time that may be
    # missing tells nothing.
    usable = created is not None and created["required"] and created["type"] == first["type"]
    names = (first["name"],)
    if usable and not first["required"]:
        names = (first["name"], "created_at")
    return names, "created_at" if usable else None, first["type"] == "timestamp"


def _time_column(columns: dict[str, dict[str, Any]], name: str) -> dict[str, Any] | None:
    column = columns.get(name)
    return column if column and column["type"] in _TIMES else None
