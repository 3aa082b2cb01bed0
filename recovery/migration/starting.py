"""Start a migration, or go on with one that was interrupted, until the target follows the source."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

from psycopg.sql import SQL, Identifier

from recovery.database import rows
from recovery.migration import fence
from recovery.migration.ends import End, Ends
from recovery.migration.findings import size
from recovery.migration.marker import has, make_marker
from recovery.migration.plan import Plan, make_plan
from recovery.migration.replication import (
    PATIENCE_SECONDS,
    make_slot,
    publish,
    role_for,
    slot_name,
    subscribe,
    subscription_of,
    wait_until,
)
from recovery.migration.schema import copy_schema_after, copy_schema_before
from recovery.migration.standing import Standing, standing
from recovery.migration.state import (
    Migration,
    alone,
    make_table,
    read_migration,
    require_same_ends,
    write_both,
    write_migration,
)
from recovery.migration.tables import MARKER
from recovery.refusal import RefusedError

LOOK_SECONDS = 0.25
# Without a byte for so long a copy has come to rest: longer than any retry of PostgreSQL's, which takes seconds.
STALLED_SECONDS = 120.0
SECOND_PART = "continuity.migration_marker_number"

Progress = Callable[[str], None]


def start(ends: Ends, progress: Progress = lambda _: None) -> Standing:
    """Begin, or go on where an earlier start was interrupted, and return once the target follows.

    Raises :class:`RefusedError` where the plan has what stops it, another migration is under way, or a slot was lost;
    :class:`recovery.migration.tools.ToolError`; or psycopg.Error. All but a refusal can be gone on from.
    """
    with alone(ends.source.connection, ends.target.connection):
        return _start(ends, progress)


def _start(ends: Ends, progress: Progress) -> Standing:
    migration = read_migration(ends.source.connection)
    if migration is None:
        migration = _begin(ends)
    require_same_ends(ends, migration)
    if migration.cut_over_at is None:
        if make_table(ends.target.connection):
            migration = migration.model_copy(update={"made_schema": tuple({*migration.made_schema, migration.target})})
        migration = write_both(ends, migration)
        _schema(ends, progress)
        migration = _copy(ends, migration, progress)
        _rest_of_schema(ends, migration, progress)
        write_both(ends, migration.model_copy(update={"step": "following"}))
    return standing(ends)


def _begin(ends: Ends) -> Migration:
    plan = make_plan(ends)
    if plan.stops:
        raise RefusedError(refusal(plan))
    connection = ends.source.connection
    migration = Migration(
        id=secrets.token_hex(4),
        source=ends.source.identity,
        target=ends.target.identity,
        source_place=ends.source.place,
        target_place=ends.target.place,
        started_at=datetime.now(UTC),
    )
    with connection.transaction():
        made = (migration.source,) if make_table(connection) else ()
        migration = migration.model_copy(update={"made_schema": made})
        write_migration(connection, migration)
    return migration


def refusal(plan: Plan) -> str:
    """Why a start is refused, in one line."""
    first = plan.stops[0]
    more = f" (and {len(plan.stops) - 1} more: `dr migrate plan` lists them)" if len(plan.stops) > 1 else ""
    return f"expected nothing that stops the move, found that {first.found}: {first.fix}{more}"


def _schema(ends: Ends, progress: Progress) -> None:
    progress("copying the schema")
    make_marker(ends.source.connection)
    if not has(ends.target.connection, MARKER):  # it comes with the schema, in one transaction
        copy_schema_before(ends)
    close(ends.target)


def close(end: End) -> None:
    """Fence an end that only follows: what else wrote there would be lost or in the way."""
    message = "this database receives another one and takes no writes until that is cut over (dr migrate)"
    with end.connection.transaction():
        fence.put_triggers(end.connection)
        fence.fence(end, end.connection, message)


def _copy(ends: Ends, migration: Migration, progress: Progress) -> Migration:
    publish(ends.source)
    if subscription_of(ends.target, migration.key) is None:
        progress("making the slot, once the transactions under way have ended")
        publisher = role_for(ends.source, migration.key)
        make_slot(ends.source, slot_name(migration.key))
        subscribe(ends.target.connection, ends.target, publisher, migration.key, copy=True)
    if migration.step == "schema" or migration.subscription is None:
        number = subscription_of(ends.target, migration.key)
        migration = write_both(ends, migration.model_copy(update={"step": "copy", "subscription": number}))
    _switch(ends.target, migration.key, on=True)
    began, before = time.monotonic(), None
    moved, seen = began, None
    while not (found := standing(ends)).copied:
        if any(each.lost for each in found.slots):
            raise RefusedError(f"expected the copy to go on, found that {found.alarms[0]}")
        copied = sum(each.target_bytes for each in found.tables)
        before = copied if before is None else before
        now = (copied, [each.state for each in found.tables])
        moved, seen = (moved, seen) if now == seen else (time.monotonic(), now)
        if time.monotonic() - moved > STALLED_SECONDS:
            raise RefusedError(_stalled(found))
        progress(_told(found, (copied - before) / max(time.monotonic() - began, LOOK_SECONDS)))
        time.sleep(LOOK_SECONDS)
    return migration


def _stalled(found: Standing) -> str:
    what = "; ".join(found.alarms) or f"{found.errors} errors of the subscription so far"
    return (
        f"expected the copy to go on, found no byte of it for {STALLED_SECONDS:.0f} s ({what}). Read both servers'"
        " logs, end what holds a lock or the network, and start again: it goes on where it was; or abort"
    )


def _told(found: Standing, rate: float) -> str:
    """The tables that are not there yet, the rate, and the time that is left at it."""
    open_tables = [each for each in found.tables if each.state != "following"]
    left = sum(max(0, each.source_bytes - each.target_bytes) for each in open_tables)
    names = ", ".join(
        f"{each.table} {each.state} {size(each.target_bytes)} of {size(each.source_bytes)}" for each in open_tables[:3]
    )
    pace = f"; {size(int(rate))}/s, {left / rate:.0f} s left" if rate > 0 else ""
    done = len(found.tables) - len(open_tables)
    return f"{done} of {len(found.tables)} tables are there; {names}{pace}"


def _rest_of_schema(ends: Ends, migration: Migration, progress: Progress) -> None:
    connection = ends.target.connection
    if not has(connection, SECOND_PART):
        progress("building indexes and constraints")
        # Both would lock the same tables in another order.
        _switch(ends.target, migration.key, on=False)
        copy_schema_after(ends)
    _switch(ends.target, migration.key, on=True)
    with connection.transaction():
        fence.put_triggers(connection)
    progress("collecting statistics")
    for each in rows(
        connection,
        "SELECT schemaname AS schema, matviewname AS name FROM pg_matviews WHERE NOT ispopulated ORDER BY 1, 2",
    ):
        connection.execute(SQL("REFRESH MATERIALIZED VIEW {}").format(Identifier(each["schema"], each["name"])))
    connection.execute("ANALYZE")


def _switch(end: End, migration: str, *, on: bool) -> None:
    """Have the target follow, or wait until it does not."""
    name = slot_name(migration)
    verb = SQL("ENABLE" if on else "DISABLE")
    end.connection.execute(SQL("ALTER SUBSCRIPTION {} {}").format(Identifier(name), verb))
    if not on:
        query = "SELECT 1 FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL"
        wait_until(
            lambda: not rows(end.connection, query, (name,)), "the subscription to stop", seconds=PATIENCE_SECONDS
        )
