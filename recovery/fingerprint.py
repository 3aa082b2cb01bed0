"""Fingerprints of a table's rows, computed by the server in one pass and independent of the rows' order.

Rows are dealt into buckets by the hash of their key. A bucket's fingerprint is the xor of its rows' hashes under one
seed and their sum under another: the xor alone would not see a row that appears twice.

The hash is PostgreSQL's own, over every column. Columns whose type has no hash, hashes by a number of the cluster
(enums) or counts different values as equal (numeric 1.0 and 1.00) go in as text instead. PostgreSQL keeps its hashes
stable within one major version only, so fingerprints of different majors are never compared.
"""

from datetime import datetime, timedelta
from typing import Any

from psycopg.sql import SQL, Composable, Identifier, Literal
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, row, rows

ALGORITHM = "hash_record_extended: xor of seed 0, sum of seed 1"

# Types whose hash depends on nothing but the value, and tells every two values apart (but for -0.0 and 0.0).
_HASHED_TYPES = frozenset(
    {
        *("bool", "bpchar", "bytea", "char", "cidr", "date", "float4", "float8", "inet", "int2", "int4", "int8"),
        *("jsonb", "macaddr", "macaddr8", "name", "oid", "text", "time", "timestamp", "timestamptz", "timetz"),
        *("uuid", "varchar"),
    }
)
_TIMES = ("timestamptz", "timestamp")

# A time without a zone is some clock's local time; the westernmost zone is 12 hours behind UTC, so that a row written
# now can claim to be that much older.
NAIVE_CLOCK_ALLOWANCE = timedelta(hours=12)

# Up to the first number of rows a table has about one bucket a row; a large one has a bucket for every so many rows, so
# that a later update hides few others.
_ROW_BUCKETS = 1024
_ROWS_A_BUCKET = 64
_MOST_BUCKETS = 32_768

_SEEN_BY_FIRST_SEED, _SEEN_BY_SECOND_SEED, _BUCKET_SEED = 0, 1, 2


class Column(BaseModel):
    """A column of a table, and whether its text is fingerprinted in place of its value."""

    model_config = ConfigDict(frozen=True)

    name: str
    as_text: bool = False


class Layout(BaseModel):
    """How a table is fingerprinted.

    ``key`` deals the rows into buckets. A row is settled when its ``change`` (the first that is not null) and its
    ``creation`` lie before a moment; a table that has neither is settled whole.
    """

    model_config = ConfigDict(frozen=True)

    schema_name: str
    table_name: str
    label: str
    partitioned: bool
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    change: tuple[str, ...] = ()
    creation: str | None = None
    naive_clock: bool = False

    def settled_until(self, settled_at: datetime) -> datetime:
        """The time up to which this table's rows are settled."""
        return settled_at - NAIVE_CLOCK_ALLOWANCE if self.naive_clock else settled_at


class Bucket(BaseModel):
    """The rows of one bucket.

    ``settled`` rows are in the fingerprint; ``created`` are those and the ones created as early but changed since;
    ``rows`` are all. ``late`` are the rows changed after a moment when nobody should have.
    """

    model_config = ConfigDict(frozen=True)

    settled: int = 0
    created: int = 0
    rows: int = 0
    late: int = 0
    fingerprint: str = ""


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
SELECT DISTINCT ON (attnum) attname AS name, attnotnull AS required, e.typname AS type, t.typelem <> 0 AS is_array,
    e.typnamespace = 'pg_catalog'::regnamespace AND coalesce(l.collisdeterministic, true) AS plain
FROM base JOIN pg_type AS t ON t.oid = base.type
JOIN pg_type AS e ON e.oid = CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END
LEFT JOIN pg_collation AS l ON l.oid = base.attcollation
ORDER BY attnum, depth DESC
""")

_KEY = SQL("""
SELECT a.attname AS name
FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %s AND i.indisprimary AND k.position <= i.indnkeyatts
ORDER BY k.position
""")


def layouts(connection: Connection) -> list[Layout]:
    """How each table with content to prove is fingerprinted, in the order of their names."""
    return [_layout(connection, table) for table in rows(connection, _TABLES)]


def count_rows(connection: Connection, layout: Layout) -> int:
    """All rows of the table."""
    return row(connection, SQL("SELECT count(*) AS count FROM {}").format(_source(layout)))["count"]


def bucket_count(row_count: int) -> int:
    """How many buckets a table of that many rows is dealt into: a power of two."""
    wanted = max(min(row_count, _ROW_BUCKETS), min(row_count // _ROWS_A_BUCKET, _MOST_BUCKETS), 1)
    return 1 << (wanted - 1).bit_length()


def read_buckets(
    connection: Connection, layout: Layout, *, buckets: int, until: datetime, late_after: datetime | None = None
) -> dict[int, Bucket]:
    """The buckets that have rows, by number, with the rows settled ``until`` then fingerprinted.

    Rows changed after ``late_after`` are counted as late where the change column has a time zone.
    """
    late = SQL("false")
    early = SQL("true")
    if layout.creation is not None:
        early = SQL("{} < {}").format(_column(layout.creation), Literal(until))
    settled: Composable = early
    if layout.change:
        change = SQL("coalesce({})").format(SQL(", ").join(_column(name) for name in layout.change))
        settled = SQL("({} AND {} < {})").format(early, change, Literal(until))
        if late_after is not None and not layout.naive_clock:
            late = SQL("{} > {}").format(change, Literal(late_after))
    contents = SQL("ROW({})").format(SQL(", ").join(_value(column) for column in layout.columns))
    by_name = {column.name: column for column in layout.columns}
    key = SQL("ROW({})").format(SQL(", ").join(_value(by_name[name]) for name in layout.key))
    query = SQL("""
        SELECT (hash_record_extended({key}, {bucket_seed}) & {mask})::int AS bucket, count(*) AS rows,
               count(*) FILTER (WHERE {early}) AS created, count(*) FILTER (WHERE {settled}) AS settled,
               count(*) FILTER (WHERE {late}) AS late,
               bit_xor(hash_record_extended({contents}, {first})) FILTER (WHERE {settled}) AS xored,
               sum(hash_record_extended({contents}, {second})) FILTER (WHERE {settled})::text AS summed
        FROM {source} GROUP BY 1
    """).format(
        key=key,
        bucket_seed=Literal(_BUCKET_SEED),
        mask=Literal(buckets - 1),
        early=early,
        settled=settled,
        late=late,
        contents=contents,
        first=Literal(_SEEN_BY_FIRST_SEED),
        second=Literal(_SEEN_BY_SECOND_SEED),
        source=_source(layout),
    )
    return {each["bucket"]: _bucket(each) for each in rows(connection, query)}


def _bucket(found: dict[str, Any]) -> Bucket:
    counts = {name: found[name] for name in ("settled", "created", "rows", "late")}
    if not found["settled"]:
        return Bucket(**counts)
    xored, summed = found["xored"] % 2**64, int(found["summed"]) % 2**64
    return Bucket(**counts, fingerprint=f"{xored:016x}{summed:016x}")


def _layout(connection: Connection, table: dict[str, Any]) -> Layout:
    columns = rows(connection, _COLUMNS, {"table": table["oid"]})
    change, creation, naive = _times({column["name"]: column for column in columns})
    key = [column["name"] for column in rows(connection, _KEY, (table["oid"],))]
    if not key and creation is not None:
        key = [creation]  # the next best thing about a row that an update leaves alone
    return Layout(
        schema_name=table["schema"],
        table_name=table["name"],
        label=table["label"],
        partitioned=table["partitioned"],
        columns=tuple(
            Column(name=column["name"], as_text=not (column["plain"] and column["type"] in _HASHED_TYPES))
            for column in columns
        ),
        key=tuple(key),
        change=change,
        creation=creation,
        naive_clock=naive,
    )


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
    return column if column and column["type"] in _TIMES and not column["is_array"] else None


def _source(layout: Layout) -> Composable:
    # Only its own rows: a table that inherits from this one is fingerprinted by itself, a partition with its parent.
    only = SQL("") if layout.partitioned else SQL("ONLY ")
    return SQL("{}{} AS t").format(only, Identifier(layout.schema_name, layout.table_name))


def _column(name: str) -> Composable:
    return SQL("t.{}").format(Identifier(name))


def _value(column: Column) -> Composable:
    return SQL('({}::text COLLATE "C")' if column.as_text else "{}").format(_column(column.name))
