"""Which rows: of one table, all of them or those of a time range."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.sql import SQL, Composable, Identifier, Literal

from recovery.database import Connection, snapshot
from recovery.layout import Layout, layouts
from recovery.refusal import RefusedError


@dataclass(frozen=True)
class Selection:
    """Rows of the table of ``layout``: those whose ``column`` lies from ``since`` on and before ``until``."""

    layout: Layout
    column: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def table(self) -> Identifier:
        """For SQL."""
        return Identifier(self.layout.schema_name, self.layout.table_name)

    @property
    def condition(self) -> Composable:
        """For SQL, over the alias ``t``."""
        if self.column is None:
            return SQL("true")
        bounds = ((SQL("t.{} >= {}"), self.since), (SQL("t.{} < {}"), self.until))
        parts = [
            bounded.format(Identifier(self.column), Literal(bound)) for bounded, bound in bounds if bound is not None
        ]
        return SQL(" AND ").join(parts) if parts else SQL("true")

    @property
    def sentence(self) -> str:
        """For a person."""
        if self.since is None and self.until is None:
            return f"all of {self.layout.label}"
        since = "the beginning" if self.since is None else self.since.isoformat()
        until = "now" if self.until is None else self.until.isoformat()
        return f"{self.layout.label} with {self.column} from {since} to {until}"


def select(
    live: Connection, copy: Connection, table: str, *, column: str, since: datetime | None, until: datetime | None
) -> Selection:
    """The rows that a repair is about. Raises :class:`RefusedError` for a table that cannot be repaired so."""
    found = [_layouts(side) for side in (live, copy)]
    for layouts_of, where in zip(found, ("live database", "copy"), strict=True):
        if table not in layouts_of:
            known = ", ".join(layouts_of) or "none"
            raise RefusedError(f"expected the table {table} in the {where}, found {known}: write it as schema.table")
    one, other = found[0][table], found[1][table]
    if not one.keyed or one.key != other.key:
        raise RefusedError(
            f"expected {table} to have the same primary key on both sides, found {one.key} and {other.key}: without"
            " one, its rows cannot be told apart"
        )
    if {each.name for each in one.columns} != {each.name for each in other.columns}:
        raise RefusedError(
            f"expected {table} to have the same columns on both sides, found other ones: the schema has changed since;"
            " migrate the copy first"
        )
    if since is None and until is None:
        return Selection(one)
    if column not in {each.name for each in one.columns}:
        raise RefusedError(f"expected the column {column} in {table}, found none: name one with --time-column")
    return Selection(one, column, since, until)


def _layouts(connection: Connection) -> dict[str, Layout]:
    with snapshot(connection):  # under whose settings names are written out in full
        return {each.label: each for each in layouts(connection)}
