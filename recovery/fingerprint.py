"""Fingerprints of a table's rows, computed by the server in one pass and independent of the rows' order.

A settled row's hash goes into its bucket's fingerprint: by xor where a key keeps rows apart, else as a sum, because the
xor of two equal rows is zero whatever they hold. 64 bits: a bucket whose rows differ looks the same with a chance of
2^-64, about 5e-20.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.sql import SQL, Composable, Identifier, Literal

from recovery.buckets import AGES, SUM_MODULUS, Age, Buckets
from recovery.database import Connection, rows
from recovery.layout import Layout
from recovery.ranges import GROUP_BYTES, RangeContent, RangeSum, SliceContent, ranges_of, slice_content
from recovery.row_hash import NATIVE, Algorithm, column_name, content_of, key_of, md5_of
from recovery.slices import BlockRange, Slice

_PERIOD_SEED = 2
_EPOCH = "2000-01-01"

# A range is this many blocks at least, 256 KiB, so that an edit spoils little, and no relation has more ranges than the
# most, so that what a manifest holds stays bounded.
RANGE_BLOCKS = 32
MOST_RANGES = 4096
# Ranges are kept apart only where rows of a bucket lie together: else every range would have a part of every bucket.
_PROBES = 4
_ROWS_A_GROUP = 3
_NO_BLOCK = 2**32 - 2  # beyond the last block that a relation can have


def empty_buckets(layout: Layout) -> Buckets:
    """The buckets of a table of that layout, without rows."""
    return Buckets.empty(layout.buckets, summed=not layout.keyed)


def unpack_buckets(layout: Layout, packed: str) -> Buckets:
    """The buckets of a table of that layout, from their text. Raises :class:`recovery.columns.ColumnsError`."""
    return Buckets.unpack(packed, number=layout.buckets, summed=not layout.keyed)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How rows are read: settled are those changed before ``until``; those changed after ``late_after`` are late, where
    the change column has a time zone."""

    layout: Layout
    until: datetime
    late_after: datetime | None = None
    algorithm: Algorithm = NATIVE

    @property
    def age(self) -> Composable:
        """The age of a row, as SQL."""
        return age_of(self.layout, until=self.until, late_after=self.late_after)

    @property
    def content(self) -> Composable:
        """The hash of a row, as SQL."""
        return content_of(self.layout.columns, self.algorithm)

    def folded(self, hashes: Composable) -> Composable:
        """Many hashes as one number, as SQL."""
        if self.layout.keyed:
            return SQL("bit_xor({})").format(hashes)
        return SQL("((sum({hashes}) % {modulus} + {modulus}) % {modulus})::bigint").format(
            hashes=hashes, modulus=Literal(SUM_MODULUS)
        )


def read_content(connection: Connection, reading: Reading, part: Slice) -> SliceContent:
    """What a slice holds, in ranges where they are worth it."""
    step = max(RANGE_BLOCKS, -(-part.blocks // MOST_RANGES))
    end = part.blocks if part.end_block is None else part.end_block
    count = max(1, -(-(end - part.first_block) // step))
    if count > 1 and not _lie_together(connection, reading, part, ranges_of(part.range, step, count)):
        count = 1
    return slice_content(part, step, read_ranges(connection, reading, part, ranges_of(part.range, step, count)))


def read_ranges(
    connection: Connection, reading: Reading, part: Slice, ranges: Sequence[BlockRange]
) -> list[RangeContent]:
    """The rows of each range in the buckets of their table, and their sum."""
    # One grouping by bucket and age at once: a filter an age would cost the server more than all the rest.
    within = SQL("""
        SELECT coalesce(sum(g.rows) FILTER (WHERE g.number % {ages} = 0), 0)::bigint AS settled,
               coalesce(sum(g.rows) FILTER (WHERE g.number % {ages} <> 0), 0)::bigint AS others,
               coalesce({sum}, 0) AS fingerprint,
               string_agg(int4send(g.number) || int4send(g.rows) || int8send(g.fingerprint), '') AS groups
        FROM (SELECT (({bucket}) * {ages} + {age})::int AS number, count(*)::int AS rows, {fold} AS fingerprint
              FROM {source} GROUP BY 1) AS g
    """).format(
        ages=Literal(AGES),
        sum=reading.folded(SQL("CASE WHEN g.number % {} = 0 THEN g.fingerprint END").format(Literal(AGES))),
        bucket=bucket_of(reading.layout, reading.algorithm),
        age=reading.age,
        fold=reading.folded(reading.content),
        source=_source(part),
    )
    return [
        RangeContent(_sum(found["settled"], found["others"], found["fingerprint"]), found["groups"] or b"")
        for found in _each(connection, ranges, within)
    ]


def read_sums(connection: Connection, reading: Reading, part: Slice, ranges: Sequence[BlockRange]) -> list[RangeSum]:
    """The sum of each range, without dealing its rows into buckets; of one with unsettled rows, the counts only."""
    within = SQL("""
        SELECT count(*) AS rows, count(*) FILTER (WHERE {age} <> {settled}) AS others,
               coalesce({fold}, 0) AS fingerprint FROM {source}
    """).format(
        age=reading.age, settled=Literal(int(Age.SETTLED)), fold=reading.folded(reading.content), source=_source(part)
    )
    return [
        _sum(found["rows"] - found["others"], found["others"], found["fingerprint"])
        for found in _each(connection, ranges, within)
    ]


def _lie_together(connection: Connection, reading: Reading, part: Slice, ranges: Sequence[BlockRange]) -> bool:
    """Whether a bucket's rows share a range, to go by a few of the ranges."""
    probes = [ranges[len(ranges) * number // _PROBES] for number in range(_PROBES)]
    found = read_ranges(connection, reading, part, probes)
    rows = sum(each.sum.settled + each.sum.others for each in found)
    return rows >= _ROWS_A_GROUP * sum(len(each.groups) // GROUP_BYTES for each in found)


def _each(connection: Connection, ranges: Sequence[BlockRange], within: Composable) -> list[dict[str, Any]]:
    """One row a range, in their order."""
    query = SQL(
        "SELECT r.number, w.* FROM unnest({firsts}::bigint[], {ends}::bigint[]) WITH ORDINALITY"
        ' AS r(first, "end", number), LATERAL ({within}) AS w'
    ).format(
        firsts=Literal([each.first for each in ranges]),
        ends=Literal([_NO_BLOCK if each.end is None else each.end for each in ranges]),
        within=within,
    )
    return sorted(rows(connection, query), key=lambda found: found["number"]) if ranges else []


def _sum(settled: int, others: int, fingerprint: int) -> RangeSum:
    return RangeSum(settled, others, fingerprint % 2**64)


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
    return SQL(
        "ONLY {} AS t WHERE t.ctid >= format('(%s,0)', r.first)::tid AND t.ctid < format('(%s,0)', r.\"end\")::tid"
    ).format(Identifier(part.schema_name, part.relation_name))
