"""End a migration at any time: no slot, publication, role, trigger or state stays, and who serves goes on serving."""

from collections.abc import Callable
from contextlib import suppress

import psycopg
from pydantic import BaseModel, ConfigDict

from recovery.migration import fence
from recovery.migration.ends import End, Ends
from recovery.migration.marker import drop_marker
from recovery.migration.replication import as_like, drop_role, drop_slots, unpublish, unsubscribe
from recovery.migration.state import Migration, alone, decided, read_migration, require_same_ends
from recovery.refusal import RefusedError


class Aborted(BaseModel):
    """What was ended. ``fenced`` is the end that stays closed for writers; None where it did not answer, so that what
    the migration made still is at ``left``.
    """

    model_config = ConfigDict(frozen=True)

    migration: Migration
    served_by: str
    fenced: str | None = None
    left: str | None = None


def abort(ends: Ends, progress: Callable[[str], None] = lambda _: None) -> Aborted:
    """End the migration that this source has; safe to repeat after a crash.

    The source serves, also where a cutover broke off before it released the target. The target keeps what it has, and
    is read-only by default, so that an application that knows both ends never finds two that take writes. Given with
    the ends swapped after a cutover, the same is true of the old database. Raises :class:`RefusedError` when there is
    none, or one with other ends, or one that was cut over.
    """
    with alone(ends.source.connection, ends.target.connection):
        migration = read_migration(ends.source.connection) or read_migration(ends.target.connection)
        if migration is None:
            raise _nothing(ends.source)
        if decided(ends) is None:
            require_same_ends(ends, migration)
        progress("ending the replication")
        for end in (ends.target, ends.source):
            _unsubscribe(end, migration)
        progress("removing what the migration made")
        _clean(ends.target, migration, serves=False)
        _clean(ends.source, migration, serves=True)
    return Aborted(migration=migration, served_by=ends.source.place, fenced=ends.target.place)


def abort_without_target(source: End, progress: Callable[[str], None] = lambda _: None) -> Aborted:
    """As :func:`abort` does, where the target does not answer: the source is as it was, the target is left alone."""
    migration = read_migration(source.connection)
    if migration is None:
        raise _nothing(source)
    if migration.source != source.identity:
        raise RefusedError(
            f"expected {source.place} to serve, found it cut over to {migration.source_place}, which does not answer:"
            " abort takes nothing back; see docs/migrate.md"
        )
    with alone(source.connection):
        progress("removing what the migration made")
        _unsubscribe(source, migration)
        _clean(source, migration, serves=True)
    return Aborted(migration=migration, served_by=source.place, left=migration.target_place)


def _nothing(source: End) -> RefusedError:
    return RefusedError(f"expected a migration of {source.place}, found none: there is nothing to abort")


def _keys(migration: Migration) -> list[str]:
    """Of every direction it had, and of one that was only being prepared."""
    return [migration.model_copy(update={"turn": turn}).key for turn in range(1, migration.turn + 2)]


def _unsubscribe(end: End, migration: Migration) -> None:
    for key in _keys(migration):
        unsubscribe(end.connection, key)


def _clean(end: End, migration: Migration, *, serves: bool) -> None:
    """Remove it from one end; the row that says so goes last."""
    connection = end.connection
    patterns = [f"%{as_like('_' + key)}" for key in _keys(migration)]
    if migration.subscription is not None:  # the slots in which single tables were being copied
        patterns.append(f"pg\\_{migration.subscription}\\_sync\\_%")
    drop_slots(connection, patterns)
    unpublish(end)
    for key in _keys(migration):
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
        # Without CASCADE: what somebody else put there keeps it.
        with suppress(psycopg.errors.DependentObjectsStillExist):
            connection.execute("DROP SCHEMA IF EXISTS continuity")
