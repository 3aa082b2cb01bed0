"""What both ends hold, compared: every row by fingerprints, and single rows by their keys.

The fingerprints are those of the restore proof (:mod:`recovery.fingerprint`), over every row and not only the settled
ones, for both ends are looked at as they were at one point. Between two majors they are the portable ones.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import LiteralString

from psycopg.sql import SQL, Composable, Identifier
from pydantic import BaseModel, ConfigDict

from recovery.buckets import Buckets
from recovery.database import Connection, row, rows, set_statement_timeout, snapshot
from recovery.explanation import MOST_BUCKETS, Kind, RowDifference, TableDifference
from recovery.fingerprint import Reading, bucket_of, empty_buckets, read_ranges
from recovery.layout import Layout, layouts
from recovery.migration.changes import Changes, Key
from recovery.migration.ends import Ends
from recovery.row_hash import NATIVE, PORTABLE, Algorithm, content_of
from recovery.slices import slices

# Everything is settled: both ends stand still.
_UNTIL = datetime(9999, 1, 1, tzinfo=UTC)
# The tables of schema continuity have no layout; they are small, and compared as text.
_OURS = ("continuity.heartbeat", "continuity.epoch")


class Compared(BaseModel):
    """What came of it. ``rows`` are the source's."""

    model_config = ConfigDict(frozen=True)

    tables: int
    rows: int
    differences: tuple[TableDifference, ...]


def algorithm_between(ends: Ends) -> Algorithm:
    """Native hashes where both servers have the same."""
    return NATIVE if ends.source.major == ends.target.major else PORTABLE


def whole_layouts(connection: Connection) -> list[Layout]:
    """How each table is fingerprinted when no row is left out: by the hash of its key alone."""
    return [
        each.model_copy(
            update={"change": (), "creation": None, "period_seconds": None, "spread": each.buckets}
            | ({} if each.keyed else {"key": (), "buckets": 1, "spread": 1})
        )
        for each in layouts(connection)
    ]


def compare_all(
    source: Connection,
    target: Connection,
    algorithm: Algorithm,
    progress: Callable[[str], None] = lambda _: None,
    *,
    only: Collection[tuple[str, str]] | None = None,
) -> Compared:
    """Compare every table, or those of schema and name in ``only``. Both connections stand in a snapshot.

    Raises psycopg.Error.
    """
    tables = [each for each in whole_layouts(source) if only is None or (each.schema_name, each.table_name) in only]
    number, differences = 0, list(_ours(source, target)) if only is None else []
    with ThreadPoolExecutor(2) as pool:
        for layout in tables:
            progress(layout.label)
            expected, found = pool.map(partial(_buckets, layout, algorithm), (source, target))
            number += expected.total()
            faulty = expected.differing(found)
            if faulty:
                differences.append(_explained(source, target, layout, faulty, algorithm))
    return Compared(tables=len(tables), rows=number, differences=tuple(differences))


def _buckets(layout: Layout, algorithm: Algorithm, connection: Connection) -> Buckets:
    found = empty_buckets(layout)
    reading = Reading(layout=layout, until=_UNTIL, algorithm=algorithm)
    for part in slices(connection, [layout], whole=False):
        for content in read_ranges(connection, reading, part, [part.range]):
            found.add_groups(content.groups)
    return found


def _ours(source: Connection, target: Connection) -> Iterable[TableDifference]:
    for name in _OURS:
        if not row(source, "SELECT to_regclass(%s) IS NOT NULL AS present", (name,))["present"]:
            continue
        query = SQL(
            "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) AS content FROM {} AS t"
        ).format(Identifier(*name.split(".")))
        if row(source, query) != row(target, query):
            yield TableDifference(table=name, key=(), buckets=1, examined=0, rows=(), note="it holds other rows")


def _explained(
    source: Connection, target: Connection, layout: Layout, faulty: Sequence[int], algorithm: Algorithm
) -> TableDifference:
    examined = faulty[:MOST_BUCKETS]
    if not layout.keyed:
        note = "it has no primary key, so that its rows cannot be told apart"
        return TableDifference(table=layout.label, key=(), buckets=len(faulty), examined=0, rows=(), note=note)
    where = SQL("{} = ANY(%s)").format(bucket_of(layout, algorithm))
    expected, found = (_columns(each, layout, where, list(examined)) for each in (source, target))
    return TableDifference(
        table=layout.label,
        key=layout.key,
        buckets=len(faulty),
        examined=len(examined),
        rows=tuple(_differing(layout, expected, found)),
    )


def _differing(
    layout: Layout, expected: Mapping[Key, list[str]], found: Mapping[Key, list[str]]
) -> Iterable[RowDifference]:
    names = [each.name for each in layout.columns]
    for key in sorted(expected.keys() | found.keys()):
        one, other = expected.get(key), found.get(key)
        if one is None or other is None:
            yield RowDifference(kind="lost" if other is None else "added", key=key)
        elif one != other:
            columns = tuple(name for name, a, b in zip(names, one, other, strict=True) if a != b)
            yield RowDifference(kind="changed", key=key, columns=columns)


def _columns(connection: Connection, layout: Layout, where: Composable, parameter: object) -> dict[Key, list[str]]:
    """A hash of each column of those rows, by the rows' keys."""
    found = rows(
        connection,
        SQL("SELECT {key} AS key, {hashes} AS hashes FROM {table} AS t WHERE {where}").format(
            key=_array("t.{}::text", layout.key),
            hashes=_array("coalesce(md5(t.{}::text), '')", [each.name for each in layout.columns]),
            table=_from(layout),
            where=where,
        ),
        (parameter,),
    )
    return {tuple(each["key"]): each["hashes"] for each in found}


def compare_changed(
    source: Connection,
    target: Connection,
    algorithm: Algorithm,
    known: Sequence[Layout],
    changes: Changes,
    *,
    seconds: float,
) -> list[TableDifference]:
    """Compare the rows that changed, as they are now, at both ends. Raises psycopg.Error, after ``seconds`` too."""
    for each in (source, target):
        set_statement_timeout(each, seconds)
    with snapshot(source), snapshot(target):
        differences: list[TableDifference] = []
        if changes.whole:
            differences += compare_all(source, target, algorithm, only=changes.whole).differences
        for layout in known:
            table = (layout.schema_name, layout.table_name)
            if table in changes.keys and table not in changes.whole:
                wrong = _wrong(source, target, layout, changes.keys[table])
                if wrong:
                    differences.append(
                        TableDifference(table=layout.label, key=layout.key, buckets=0, examined=0, rows=wrong)
                    )
    return differences


def _wrong(source: Connection, target: Connection, layout: Layout, keys: Collection[Key]) -> tuple[RowDifference, ...]:
    """Of the rows of these keys, those that are not the same at both ends."""
    wanted = [list(column) for column in zip(*keys, strict=True)]

    def read(connection: Connection) -> dict[Key, int]:
        return _by_key(connection, layout, wanted)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(read, (source, target))
    return tuple(
        RowDifference(kind=_kind(one.get(key), other.get(key)), key=key)
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
    )


def _kind(one: int | None, other: int | None) -> Kind:
    if other is None:
        return "lost"
    return "added" if one is None else "changed"


def _by_key(connection: Connection, layout: Layout, keys: list[list[str]]) -> dict[Key, int]:
    types = rows(
        connection,
        "SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid ="
        " to_regclass(%s)",
        (Identifier(layout.schema_name, layout.table_name).as_string(connection),),
    )
    type_of = {each["name"]: each["type"] for each in types}
    aliases = [Identifier(f"k{number}") for number in range(len(layout.key))]
    query = SQL(
        "SELECT {key} AS key, {content} AS content FROM {table} AS t WHERE ({columns}) IN"
        " (SELECT {cast} FROM unnest({arrays}) AS u({aliases}))"
    ).format(
        key=_array("t.{}::text", layout.key),
        content=content_of(layout.columns, PORTABLE),
        table=_from(layout),
        columns=SQL(", ").join(SQL("t.{}").format(Identifier(name)) for name in layout.key),
        cast=SQL(", ").join(
            SQL("u.{}::{}").format(alias, SQL(type_of[name])) for alias, name in zip(aliases, layout.key, strict=True)
        ),
        arrays=SQL(", ").join([SQL("%s::text[]")] * len(layout.key)),
        aliases=SQL(", ").join(aliases),
    )
    return {tuple(each["key"]): each["content"] for each in rows(connection, query, keys)}


def _from(layout: Layout) -> Composable:
    only = SQL("") if layout.partitioned else SQL("ONLY ")
    return SQL("{}{}").format(only, Identifier(layout.schema_name, layout.table_name))


def _array(template: LiteralString, names: Iterable[str]) -> Composable:
    return SQL("ARRAY[{}]").format(SQL(", ").join(SQL(template).format(Identifier(name)) for name in names))
