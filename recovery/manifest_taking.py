"""Taking a manifest: in one snapshot, or planned, read slice by slice by anybody, and put together."""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, again_after_deadlock, row, shared_snapshot, snapshot
from recovery.fingerprint import Reading, read_content
from recovery.heartbeat import Heartbeat, has_pulse, newest_heartbeat
from recovery.layout import Layout, layouts
from recovery.manifest import Database, Manifest, TableContent, read_database
from recovery.ranges import SliceContent
from recovery.row_hash import NATIVE, PORTABLE, Algorithm
from recovery.schema import read_schema
from recovery.settling import settle
from recovery.slices import Slice, require_not_rewritten, slices


class UnknownTableError(ValueError):
    """A table named in ``may_lose_rows`` is not in the database."""


class IncompleteError(ValueError):
    """A manifest cannot be put together, because slices of its plan are missing."""


class TablePlan(BaseModel):
    """One table of a manifest that is being taken."""

    model_config = ConfigDict(frozen=True)

    layout: Layout
    may_lose_rows: bool
    settled_until: datetime


class ManifestPlan(BaseModel):
    """A manifest without its content yet: the tables, and the slices that can be read side by side, by anybody."""

    model_config = ConfigDict(frozen=True)

    algorithm: Algorithm
    planned_at: datetime
    settled_at: datetime
    database: Database
    heartbeat: Heartbeat | None
    objects: dict[str, str]
    tables: tuple[TablePlan, ...]
    slices: tuple[Slice, ...]


class SliceReading(BaseModel):
    """What the slice of that number in a plan held at ``read_at``."""

    model_config = ConfigDict(frozen=True)

    number: int
    read_at: datetime
    content: SliceContent


def take_manifest(
    connection: Connection,
    *,
    may_lose_rows: Collection[str] = (),
    portable: bool = False,
    helpers: Sequence[Connection] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Describe the database in one consistent snapshot, after waiting CLOCK_ALLOWANCE; writers are not blocked.

    ``may_lose_rows`` names the tables (``schema.table``, quoted where SQL needs it) whose rows the product deletes.
    ``portable`` fingerprints for a comparison on another major version. ``helpers`` are further connections to the same
    database, which read slices beside the first. ``progress`` is told each table's name before it is read. Raises
    :class:`UnsupportedServerError`, :class:`UnknownTableError` or psycopg.Error.
    """
    algorithm = PORTABLE if portable else NATIVE
    return again_after_deadlock(lambda: _take(connection, helpers, may_lose_rows, algorithm, progress))


def _take(
    connection: Connection,
    helpers: Sequence[Connection],
    may_lose_rows: Collection[str],
    algorithm: Algorithm,
    progress: Callable[[str], None],
) -> Manifest:
    settled_at = settle(connection)
    with snapshot(connection), ExitStack() as others:
        plan = _plan(connection, settled_at, may_lose_rows, algorithm)
        for each in helpers:
            others.enter_context(shared_snapshot(each, connection))
        idle = [connection, *helpers]

        def read(number: int) -> SliceReading:
            progress(plan.tables[plan.slices[number].table].layout.label)
            reader = idle.pop()
            try:
                return _read(reader, plan, number)
            finally:
                idle.append(reader)

        with ThreadPoolExecutor(len(idle)) as pool:
            return assemble(plan, pool.map(read, range(len(plan.slices))), one_snapshot=True)


def plan_manifest(
    connection: Connection, *, may_lose_rows: Collection[str] = (), portable: bool = False
) -> ManifestPlan:
    """Everything of a manifest but the content, and the slices to read that from, each in a snapshot of its own.

    Waits, and raises, as :func:`take_manifest` does.
    """
    settled_at = settle(connection)
    with snapshot(connection):
        return _plan(connection, settled_at, may_lose_rows, PORTABLE if portable else NATIVE)


def read_slice(connection: Connection, plan: ManifestPlan, number: int) -> SliceReading:
    """Read one slice of a plan. Raises :class:`recovery.slices.RewrittenError` or psycopg.Error.

    What was settled when the plan was made is the same whenever a slice is read; rows changed since just count less.
    """
    with snapshot(connection):
        require_not_rewritten(connection, plan.slices[number])
        return _read(connection, plan, number)


def assemble(plan: ManifestPlan, readings: Iterable[SliceReading], *, one_snapshot: bool = False) -> Manifest:
    """Put the slices together, as of the moment the last of them was read. Raises :class:`IncompleteError`."""
    found = {reading.number: reading for reading in readings}
    if len(found) < len(plan.slices):
        raise IncompleteError(f"expected {len(plan.slices)} slices, found {len(found)}: read the others too")
    contents = [found[number].content for number in range(len(plan.slices))]
    return Manifest(
        algorithm=plan.algorithm,
        taken_at=max([plan.planned_at, *(reading.read_at for reading in found.values())]),
        settled_at=plan.settled_at,
        database=plan.database,
        heartbeat=plan.heartbeat,
        objects=plan.objects,
        tables=tuple(
            _table(table, [each for each in contents if each.part.table == number], one_snapshot=one_snapshot)
            for number, table in enumerate(plan.tables)
        ),
    )


def _table(table: TablePlan, slices: Sequence[SliceContent], *, one_snapshot: bool) -> TableContent:
    sums = [each for content in slices for each in content.range_sums]
    return TableContent(
        layout=table.layout,
        may_lose_rows=table.may_lose_rows,
        exact=one_snapshot or len(slices) <= 1,
        rows=sum(each.settled + each.others for each in sums),
        settled=sum(each.settled for each in sums),
        settled_until=table.settled_until,
        slices=tuple(slices),
    )


def _plan(
    connection: Connection, settled_at: datetime, may_lose_rows: Collection[str], algorithm: Algorithm
) -> ManifestPlan:
    found = layouts(connection)
    _require_known(may_lose_rows, [layout.label for layout in found])
    return ManifestPlan(
        algorithm=algorithm,
        # The server's clock, read once the snapshot stands: whoever restores to this moment restores all of it.
        planned_at=_now(connection),
        settled_at=settled_at,
        database=read_database(connection),
        heartbeat=newest_heartbeat(connection) if has_pulse(connection) else None,
        objects=read_schema(connection),
        tables=tuple(
            TablePlan(
                layout=layout,
                may_lose_rows=layout.label in may_lose_rows,
                settled_until=layout.settled_until(settled_at),
            )
            for layout in found
        ),
        slices=tuple(slices(connection, found, whole=True)),
    )


def _read(connection: Connection, plan: ManifestPlan, number: int) -> SliceReading:
    part = plan.slices[number]
    table = plan.tables[part.table]
    reading = Reading(layout=table.layout, until=table.settled_until, algorithm=plan.algorithm)
    return SliceReading(number=number, read_at=_now(connection), content=read_content(connection, reading, part))


def _now(connection: Connection) -> datetime:
    return row(connection, "SELECT clock_timestamp() AS now")["now"].astimezone(UTC)


def _require_known(names: Collection[str], known: list[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise UnknownTableError(
            f"expected tables of the database, as schema.table, found {', '.join(unknown)}: the database has"
            f" {', '.join(known) or 'no tables'}"
        )
