"""Rows that only the old primary has: found by their change columns, reported as keys and counts.

Nothing but keys and digests leaves a database: a report goes to people who may not see what is in the rows. Tables
without a change column and a primary key cannot say; the report names those.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from psycopg.sql import SQL, Composable, Identifier
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, rows, snapshot
from recovery.layout import Layout, layouts

PAGE_ROWS = 1_000  # of 6 MB that a function may answer, a table then takes some 120 KB
# A row carries the time its transaction began, and the heartbeat the time it was written at.
OVERLAP = timedelta(minutes=1)


class ChangedRow(BaseModel):
    """One row: its primary key as text, and a digest of all of it, which tells whether two are the same."""

    model_config = ConfigDict(frozen=True)

    key: tuple[str, ...]
    digest: str


class ChangedTable(BaseModel):
    """Rows of a table that changed, in the order of their keys, PAGE_ROWS at most."""

    model_config = ConfigDict(frozen=True)

    table: str
    rows: tuple[ChangedRow, ...]


class Changes(BaseModel):
    """A page of what one database says changed since a moment. ``untold`` are tables that cannot say."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    tables: tuple[ChangedTable, ...]
    untold: tuple[str, ...]

    @property
    def next_page(self) -> dict[str, tuple[str, ...]]:
        """The last key of every table that may have more rows; empty when there is no more."""
        return {table.table: table.rows[-1].key for table in self.tables if len(table.rows) == PAGE_ROWS}


class TableDifference(BaseModel):
    """Keys that the surviving database lacks, and keys whose rows it has otherwise."""

    model_config = ConfigDict(frozen=True)

    table: str
    changed: int
    missing: tuple[tuple[str, ...], ...]
    different: tuple[tuple[str, ...], ...]


class Reconciliation(BaseModel):
    """The report: what only the old primary had."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    tables: tuple[TableDifference, ...]
    untold: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One line for a person."""
        missing = sum(len(table.missing) for table in self.tables)
        different = sum(len(table.different) for table in self.tables)
        return (
            f"{missing} rows only the old primary has, {different} that differ, of"
            f" {sum(table.changed for table in self.tables)} changed since {self.since.isoformat()}"
            + (f"; cannot be told: {', '.join(self.untold)}" if self.untold else "")
        )


def changes_since(
    connection: Connection, heartbeat_at: datetime, after: Mapping[str, Sequence[str]] | None = None
) -> Changes:
    """What changed at or after the last replicated heartbeat, in every table that can say: one page.

    ``after`` is the ``next_page`` of the page before; only its tables are looked at then. Raises psycopg.Error.
    """
    since = heartbeat_at - OVERLAP
    with snapshot(connection):
        known = layouts(connection)
        told = [table for table in known if table.keyed and (table.change or table.creation)]
        wanted = told if after is None else [table for table in told if table.label in after]
        tables = [_changed(connection, table, since, (after or {}).get(table.label)) for table in wanted]
    untold = tuple(table.label for table in known if table not in told)
    return Changes(since=since, tables=tuple(table for table in tables if table.rows), untold=untold)


def compare(connection: Connection, changes: Changes) -> Reconciliation:
    """Hold another database's changes against this one. Raises psycopg.Error."""
    with snapshot(connection):
        here = {table.label: table for table in layouts(connection)}
        tables = tuple(_difference(connection, here.get(table.table), table) for table in changes.tables)
    return Reconciliation(since=changes.since, tables=tables, untold=changes.untold)


def _changed(connection: Connection, table: Layout, since: datetime, after: Sequence[str] | None) -> ChangedTable:
    times: list[Composable] = [Identifier(name) for name in table.change or (table.creation or "",)]
    found = rows(
        connection,
        SQL("SELECT {key} AS key, {digest} AS digest FROM {name} AS t WHERE coalesce({times}) >= %(since)s"
            " AND (%(after)s::text[] IS NULL OR {key} > %(after)s) ORDER BY {key} LIMIT %(limit)s").format(
            key=_key(table), digest=_DIGEST, name=Identifier(table.schema_name, table.table_name),
            times=SQL(", ").join(times),
        ),
        {
            "since": table.settled_until(since),
            "after": None if after is None else list(after),
            "limit": PAGE_ROWS,
        },
    )  # fmt: skip
    return ChangedTable(table=table.label, rows=tuple(ChangedRow.model_validate(each) for each in found))


def joined(pages: Sequence[Reconciliation]) -> Reconciliation:
    """The report of all pages. Raises IndexError without any."""
    tables: dict[str, TableDifference] = {}
    for table in (table for page in pages for table in page.tables):
        before = tables.get(table.table)
        tables[table.table] = table if before is None else TableDifference(
            table=table.table,
            changed=before.changed + table.changed,
            missing=before.missing + table.missing,
            different=before.different + table.different,
        )  # fmt: skip
    return Reconciliation(since=pages[0].since, tables=tuple(tables.values()), untold=pages[0].untold)


def _difference(connection: Connection, here: Layout | None, changed: ChangedTable) -> TableDifference:
    present: dict[tuple[str, ...], str] = {}
    if here is not None and here.keyed:
        present = _present(connection, here, [each.key for each in changed.rows])
    return TableDifference(
        table=changed.table,
        changed=len(changed.rows),
        missing=tuple(each.key for each in changed.rows if each.key not in present),
        different=tuple(each.key for each in changed.rows if present.get(each.key, each.digest) != each.digest),
    )


def _present(connection: Connection, table: Layout, keys: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    # One array a key column: PostgreSQL arrays of arrays cannot be joined with.
    arrays = {f"k{place}": [key[place] for key in keys] for place in range(len(table.key))}
    unnested = SQL(", ").join(SQL(f"%({name})s::text[]") for name in arrays)  # pyright: ignore[reportArgumentType]
    joined = SQL(" AND ").join(
        SQL("t.{column}::text = wanted.{name}").format(column=Identifier(column), name=Identifier(name))
        for column, name in zip(table.key, arrays, strict=True)
    )
    found = rows(
        connection,
        SQL("SELECT {key} AS key, {digest} AS digest FROM unnest({unnested}) AS wanted({names})"
            " JOIN {name} AS t ON {joined}").format(
            key=_key(table), digest=_DIGEST, unnested=unnested, joined=joined,
            names=SQL(", ").join(Identifier(name) for name in arrays),
            name=Identifier(table.schema_name, table.table_name),
        ),
        arrays,
    )  # fmt: skip
    return {tuple(each["key"]): each["digest"] for each in found}


_DIGEST = SQL("encode(sha256(convert_to(t::text, 'UTF8')), 'hex')")


def _key(table: Layout) -> Composable:
    return SQL("ARRAY[{}]").format(SQL(", ").join(SQL("t.{}::text").format(Identifier(name)) for name in table.key))
