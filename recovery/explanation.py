"""Narrow a content finding to rows, as long as the source can still be read.

Shown are keys and names of columns, never values: they are people's.
"""

from collections.abc import Sequence
from typing import Any, Literal

from psycopg.sql import SQL, Composable, Identifier
from pydantic import BaseModel, ConfigDict

from recovery.buckets import Age
from recovery.checks.content import faulty_buckets
from recovery.database import Connection, rows, snapshot
from recovery.fingerprint import Reading, age_of, bucket_of, empty_buckets, read_ranges
from recovery.manifest import Manifest, TableContent
from recovery.slices import slices

Kind = Literal["lost", "added", "changed"]

# Of each table: enough to see what happened, and a bound on memory whatever happened.
MOST_BUCKETS = 200

# key -> age, and one hash a column
_Rows = dict[tuple[str, ...], tuple[Age, list[str]]]


class RowDifference(BaseModel):
    """One row that differs. ``columns`` are those that do, empty for a row that one of the two lacks."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()


class TableDifference(BaseModel):
    """What is known of one table: its faulty buckets, how many of them were looked into, and the rows found there."""

    model_config = ConfigDict(frozen=True)

    table: str
    key: tuple[str, ...]
    buckets: int
    examined: int
    rows: tuple[RowDifference, ...]
    note: str = ""


def explain(copy: Connection, source: Connection, manifest: Manifest) -> list[TableDifference]:
    """The rows behind every faulty bucket, by comparing copy and source as they are now.

    The source goes on living: a row that it changed or deleted since cannot be told from one that the copy has wrong,
    so changed ones are left out and those missing in the source are called added. Raises psycopg.Error.
    """
    differences: list[TableDifference] = []
    with snapshot(copy), snapshot(source):
        for table in manifest.tables:
            faulty = sorted(_faulty(copy, table, manifest))
            if faulty:
                differences.append(_explained(copy, source, table, faulty, manifest))
    return differences


def _faulty(copy: Connection, table: TableContent, manifest: Manifest) -> dict[int, str]:
    found = empty_buckets(table.layout)
    reading = Reading(layout=table.layout, until=table.settled_until, algorithm=manifest.algorithm)
    for part in slices(copy, [table.layout], whole=False):
        for content in read_ranges(copy, reading, part, [part.range]):
            found.add_groups(content.groups)
    expected = table.buckets
    return faulty_buckets(table, expected, found, expected.differing(found))


def _explained(
    copy: Connection, source: Connection, table: TableContent, faulty: Sequence[int], manifest: Manifest
) -> TableDifference:
    layout = table.layout
    examined = faulty[:MOST_BUCKETS]
    if not layout.keyed:
        note = "it has no primary key, so that its rows cannot be told apart"
        return TableDifference(table=layout.label, key=(), buckets=len(faulty), examined=0, rows=(), note=note)
    given, expected = (_rows(each, table, examined, manifest) for each in (copy, source))
    names = [column.name for column in layout.columns]
    found = [
        difference
        for key in sorted(given.keys() | expected.keys())
        if (difference := _difference(key, expected.get(key), given.get(key), names)) is not None
    ]
    note = "" if found else "copy and source agree by now: the source was changed since the manifest, too"
    return TableDifference(
        table=layout.label, key=layout.key, buckets=len(faulty), examined=len(examined), rows=tuple(found), note=note
    )


def _difference(
    key: tuple[str, ...], expected: tuple[Age, list[str]] | None, given: tuple[Age, list[str]] | None, names: list[str]
) -> RowDifference | None:
    if expected is None or given is None:
        age, kind = (expected[0], "lost") if expected else (given[0] if given else Age.NEWER, "added")
        return None if age == Age.NEWER else RowDifference(kind=kind, key=key)
    if expected[0] != Age.SETTLED or expected[1] == given[1]:
        return None
    columns = tuple(name for name, a, b in zip(names, expected[1], given[1], strict=True) if a != b)
    return RowDifference(kind="changed", key=key, columns=columns)


def _rows(connection: Connection, table: TableContent, buckets: Sequence[int], manifest: Manifest) -> _Rows:
    layout = table.layout
    only = SQL("") if layout.partitioned else SQL("ONLY ")
    query = SQL(
        "SELECT {key} AS key, {age} AS age, {hashes} AS hashes FROM {only}{table} AS t WHERE {bucket} = ANY(%s)"
    )
    found: list[dict[str, Any]] = rows(
        connection,
        query.format(
            key=_array("t.{}::text", layout.key),
            age=age_of(layout, until=table.settled_until),
            hashes=_array("coalesce(md5(t.{}::text), '')", [column.name for column in layout.columns]),
            only=only,
            table=Identifier(layout.schema_name, layout.table_name),
            bucket=bucket_of(layout, manifest.algorithm),
        ),
        (list(buckets),),
    )
    return {tuple(each["key"]): (Age(each["age"]), each["hashes"]) for each in found}


def _array(template: Literal["t.{}::text", "coalesce(md5(t.{}::text), '')"], names: Sequence[str]) -> Composable:
    return SQL("ARRAY[{}]").format(SQL(", ").join(SQL(template).format(Identifier(name)) for name in names))
