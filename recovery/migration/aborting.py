"""End a migration at any time: no slot, publication, role, trigger or state stays, and who serves goes on serving."""

from collections.abc import Callable

import psycopg
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, rows
from recovery.migration import fence
from recovery.migration.ends import End, Ends
from recovery.migration.marker import drop_marker
from recovery.migration.replication import as_like, drop_role, drop_slots, slot_name, unpublish, unsubscribe
from recovery.migration.state import Migration, read_migration, require_same_ends
from recovery.refusal import RefusedError


class Aborted(BaseModel):
    """What was ended. ``fenced`` is the end that stays closed for writers, None when neither does."""

    model_config = ConfigDict(frozen=True)

    migration: Migration
    served_by: str
    fenced: str | None


def abort(ends: Ends, progress: Callable[[str], None] = lambda _: None) -> Aborted:
    """End the migration that this source has; safe to repeat after a crash.

    Before a cutover the target keeps what was copied and takes writes again: nothing in it is deleted. After one,
    given with the ends swapped, the old database stays as it is, read-only by default. Raises :class:`RefusedError`
    when there is none, or one with other ends, or one that was cut over.
    """
    migration = read_migration(ends.source.connection) or read_migration(ends.target.connection)
    if migration is None:
        raise RefusedError(f"expected a migration of {ends.source.place}, found none: there is nothing to abort")
    require_same_ends(ends, migration)
    keys = [migration.model_copy(update={"turn": turn}).key for turn in range(1, migration.turn + 2)]
    progress("ending the replication")
    numbers = [_subscriptions(each, migration) for each in (ends.source, ends.target)]
    for end in (ends.target, ends.source):
        for key in keys:
            unsubscribe(end.connection, key)
    patterns = [f"%{as_like('_' + key)}" for key in keys]
    # The slots in which single tables were being copied are named after the subscription, at the other end.
    for end, others in ((ends.source, numbers[1]), (ends.target, numbers[0])):
        drop_slots(end.connection, [*patterns, *(f"pg\\_{number}\\_sync\\_%" for number in others)])
    progress("removing what the migration made")
    for end in (ends.target, ends.source):
        _clean(end, migration, keys, serves=end is ends.source or migration.cut_over_at is None)
    return Aborted(
        migration=migration,
        served_by=ends.source.place,
        fenced=ends.target.place if migration.cut_over_at is not None else None,
    )


def _subscriptions(end: End, migration: Migration) -> list[int]:
    query = "SELECT oid::bigint AS oid FROM pg_subscription WHERE subname LIKE %s"
    return [each["oid"] for each in rows(end.connection, query, (f"{as_like(slot_name(migration.id))}\\_%",))]


def _clean(end: End, migration: Migration, keys: list[str], *, serves: bool) -> None:
    """Remove it from one end; the row that says so goes last."""
    connection = end.connection
    unpublish(end)
    for key in keys:
        drop_role(end, key)
    if read_migration(connection) is None:
        return
    with connection.transaction():
        if serves:
            fence.release_in(end, connection)
        fence.remove_triggers(connection)
        drop_marker(connection)
        connection.execute("DROP TABLE continuity.migration")
    if end.identity in migration.made_schema:
        _drop_empty_schema(connection)


def _drop_empty_schema(connection: Connection) -> None:
    """Without CASCADE: what somebody else put there keeps it."""
    try:
        connection.execute("DROP SCHEMA IF EXISTS continuity")
    except psycopg.errors.DependentObjectsStillExist:
        return
