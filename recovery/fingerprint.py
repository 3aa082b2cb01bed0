"""Fingerprints of a table's rows, computed by the server in one pass and independent of the rows' order.

A settled row's hash goes into its bucket's fingerprint: by xor where a key keeps rows apart, else as a sum, because the
xor of two equal rows is zero whatever they hold. 64 bits: a bucket whose rows differ looks the same with a chance of
2^-64, about 5e-20.
"""

from collections.abc import Sequence
from datetime import datetime

from psycopg.sql import SQL, Composable, Identifier, Literal
from pydantic import BaseModel, ConfigDict

from recovery.buckets import AGES, SUM_MODULUS, Age, Buckets
from recovery.database import Connection, row, rows
from recovery.layout import Layout
from recovery.row_hash import NATIVE, Algorithm, column_name, content_of, key_of, md5_of

# A slice is this large at least, so that starting it costs little, and there are at most about so many of all tables
# together, so that one state machine can run them all without nearing its limits.
SLICE_BYTES = 128 * 1024 * 1024
MOST_SLICES = 128

_EPOCH = "2000-01-01"
_PERIOD_SEED = 2


class Slice(BaseModel):
    """Blocks of one table, or of one partition: from ``first_block`` up to before ``end_block``, None for all the rest.

    ``table`` is the table's place among the layouts. ``file_node`` changes when the server rewrites the relation.
    """

    model_config = ConfigDict(frozen=True)

    table: int
    schema_name: str
    relation_name: str
    file_node: int
    first_block: int = 0
    end_block: int | None = None


class RewrittenError(RuntimeError):
    """The server rewrote a relation (VACUUM FULL, CLUSTER) after it was divided into slices."""


def empty_buckets(layout: Layout) -> Buckets:
    """The buckets of a table of that layout, without rows."""
    return Buckets.empty(layout.buckets, summed=not layout.keyed)


def unpack_buckets(layout: Layout, packed: str) -> Buckets:
    """The buckets of a table of that layout, from their text. Raises :class:`recovery.buckets.BucketsError`."""
    return Buckets.unpack(packed, number=layout.buckets, summed=not layout.keyed)


_RELATIONS = SQL("""
SELECT n.nspname AS schema, c.relname AS name, pg_relation_filenode(c.oid)::bigint AS file_node,
       pg_relation_size(c.oid) AS bytes, current_setting('block_size')::int AS block_size
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass({table}) AND c.relkind = 'r'
   OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass({table})) WHERE isleaf)
ORDER BY c.oid
""")


def slices(connection: Connection, tables: Sequence[Layout], *, whole: bool) -> list[Slice]:
    """Divide the tables by their blocks. A table that is gone, or no table any more, has no slice.

    ``whole`` keeps the tables undivided that have no change column: read at different moments, their slices would not
    fit together.
    """
    found = [(number, layout, _relations(connection, layout)) for number, layout in enumerate(tables)]
    every_byte = sum(each["bytes"] for _, _, relations in found for each in relations)
    size = max(SLICE_BYTES, every_byte // MOST_SLICES)
    return [
        part
        for number, layout, relations in found
        for each in relations
        for part in _divided(number, each, None if whole and not layout.change else size)
    ]


def require_not_rewritten(connection: Connection, part: Slice) -> None:
    """Raise :class:`RewrittenError` when the slice's block numbers mean other rows by now."""
    name = Identifier(part.schema_name, part.relation_name).as_string()
    found = row(connection, "SELECT pg_relation_filenode(to_regclass(%s))::bigint AS node", (name,))["node"]
    if found != part.file_node:
        raise RewrittenError(
            f"expected {name} in file {part.file_node}, found {found}: the server has rewritten it since it was divided"
            " (VACUUM FULL, CLUSTER, TRUNCATE); start again"
        )


def read_slice(
    connection: Connection,
    layout: Layout,
    part: Slice,
    *,
    until: datetime,
    late_after: datetime | None = None,
    algorithm: Algorithm = NATIVE,
) -> Buckets:
    """The slice's rows in the buckets of its table, those settled ``until`` then fingerprinted.

    Rows changed after ``late_after`` are late, where the change column has a time zone.
    """
    fold = SQL("bit_xor({hash})") if layout.keyed else SQL("(sum({hash}) % {modulus})::bigint")
    # One grouping by bucket and age at once: a filter an age would cost the server more than all the rest.
    query = SQL("""
        SELECT string_agg(int4send(g.number) || int4send(g.rows) || int8send(g.fingerprint), '') AS groups
        FROM (SELECT (({bucket}) * {ages} + {age})::int AS number, count(*)::int AS rows, {fold} AS fingerprint
              FROM {source} GROUP BY 1) AS g
    """).format(
        bucket=bucket_of(layout, algorithm),
        ages=Literal(AGES),
        age=age_of(layout, until=until, late_after=late_after),
        fold=fold.format(hash=content_of(layout.columns, algorithm), modulus=Literal(SUM_MODULUS)),
        source=_source(part),
    )
    buckets = empty_buckets(layout)
    buckets.add_groups(row(connection, query)["groups"])
    return buckets


def bucket_of(layout: Layout, algorithm: Algorithm = NATIVE) -> Composable:
    """The number of a row's bucket, as SQL over the alias ``t``."""
    if layout.buckets == 1:
        return SQL("0")
    by_name = {column.name: column for column in layout.columns}
    key = key_of([by_name[name] for name in layout.key], algorithm)
    if layout.period_seconds is None or layout.creation is None:
        return SQL("({} & {})").format(key, Literal(layout.buckets - 1))
    kind = "timestamp" if layout.naive_clock else "timestamptz"
    start = SQL("date_bin(make_interval(secs => {}), {}, {}::{})").format(
        Literal(layout.period_seconds), column_name(layout.creation), Literal(_EPOCH), SQL(kind)
    )
    if algorithm == NATIVE:
        period: Composable = SQL("{}_hash_extended({}, {})").format(SQL(kind), start, Literal(_PERIOD_SEED))
    else:
        period = md5_of(SQL("({})::text").format(start))
    return SQL("(({} & {}) * {} + ({} & {}))").format(
        period,
        Literal(layout.buckets // layout.spread - 1),
        Literal(layout.spread),
        key,
        Literal(layout.spread - 1),
    )


def age_of(layout: Layout, *, until: datetime, late_after: datetime | None = None) -> Composable:
    """The number of a row's :class:`Age`, as SQL over the alias ``t``."""
    created = SQL("false")
    if layout.creation is not None:
        created = SQL("coalesce({} >= {}, false)").format(column_name(layout.creation), Literal(until))
    if not layout.change:
        return SQL("CASE WHEN {} THEN {} ELSE {} END").format(
            created, Literal(int(Age.NEWER)), Literal(int(Age.SETTLED))
        )
    change: Composable = column_name(layout.change[0])
    if len(layout.change) > 1:
        change = SQL("coalesce({})").format(SQL(", ").join(column_name(name) for name in layout.change))
    late: Composable = SQL("")
    if late_after is not None and not layout.naive_clock:
        late = SQL("WHEN {} > {} THEN {} ").format(change, Literal(late_after), Literal(int(Age.LATE)))
    # A row that never says when it changed cannot be settled.
    settled = SQL("{} < {} AND NOT {}").format(change, Literal(until), created)
    return SQL("CASE {}WHEN {} THEN {} WHEN {} THEN {} ELSE {} END").format(
        late,
        settled,
        Literal(int(Age.SETTLED)),
        created,
        Literal(int(Age.NEWER)),
        Literal(int(Age.ALTERED)),
    )


def _source(part: Slice) -> Composable:
    # Only its own rows: a table that inherits from this one is fingerprinted by itself.
    source = SQL("ONLY {} AS t").format(Identifier(part.schema_name, part.relation_name))
    conditions: list[Composable] = []
    if part.first_block:
        conditions.append(SQL("t.ctid >= {}::tid").format(Literal(f"({part.first_block},0)")))
    if part.end_block is not None:
        conditions.append(SQL("t.ctid < {}::tid").format(Literal(f"({part.end_block},0)")))
    return SQL("{} WHERE {}").format(source, SQL(" AND ").join(conditions)) if conditions else source


def _relations(connection: Connection, layout: Layout) -> list[dict[str, int]]:
    name = Identifier(layout.schema_name, layout.table_name).as_string()
    return rows(connection, _RELATIONS.format(table=Literal(name)))


def _divided(table: int, relation: dict[str, int], size: int | None) -> list[Slice]:
    blocks = relation["bytes"] // relation["block_size"]
    parts = 1 if size is None else max(1, -(-relation["bytes"] // size))
    bounds: list[int | None] = [blocks * number // parts for number in range(parts)]
    return [
        Slice(
            table=table,
            schema_name=str(relation["schema"]),
            relation_name=str(relation["name"]),
            file_node=relation["file_node"],
            first_block=first or 0,
            end_block=end,
        )
        for first, end in zip(bounds, [*bounds[1:], None], strict=True)
    ]
