"""What a cutover does before its pause, so that little is left for it: compare what changed, prepare the way back."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from psycopg.sql import SQL, Identifier

from recovery.database import Connection
from recovery.layout import Layout
from recovery.migration.changes import Changes
from recovery.migration.comparison import algorithm_between, compare_changed, whole_layouts
from recovery.migration.ends import Ends
from recovery.migration.marker import wait_for_marker, write_marker
from recovery.migration.replication import (
    as_like,
    changes_slot_name,
    drop_role,
    drop_slots,
    make_slot,
    publish,
    role_for,
    slot_name,
    subscribe,
    unsubscribe,
)
from recovery.migration.state import TABLE, Migration, decided, write_both
from recovery.migration.verifying import require_following, schema_differences, wait_until_near
from recovery.refusal import RefusedError

# More rows that changed since the verification than can be compared within a second.
MOST_CHANGED = 50_000
# Before the pause, what changed is taken until a look finds no more messages than this.
FEW_MESSAGES = 2_000
LOOKS = 20
SETTLE_SECONDS = 60.0
NOTES_ON_DEMAND_MAJOR = 16  # the first with pg_log_standby_snapshot

Progress = Callable[[str], None]


@dataclass
class Prepared:
    """A cutover that is prepared: ``back`` is the migration as it will be, ``readers`` are sessions at either end for
    the comparison in the pause, ``changed`` how many rows were compared before it.
    """

    migration: Migration
    back: Migration
    changes: Changes
    layouts: list[Layout]
    readers: tuple[Connection, Connection]
    changed: int = 0


def prepare(ends: Ends, readers: tuple[Connection, Connection], progress: Progress) -> Prepared:
    """Prepare one; what was prepared is taken away again when that fails.

    Raises :class:`RefusedError` when the target does not follow, is not verified, or too much has changed since, and
    psycopg.Error.
    """
    migration = require_following(ends)
    if migration.verified is None:
        raise RefusedError("expected a verified target, found none since the last change: run `dr migrate verify`")
    wait_until_near(ends, progress)
    if told := schema_differences(ends.source.connection, ends.target.connection):
        raise RefusedError(f"expected the schemas to agree, found that {told[0]}: make the same change on the target")
    layouts = whole_layouts(ends.source.connection)
    changes = Changes({(each.schema_name, each.table_name): each.key if each.keyed else () for each in layouts})
    # From here on the slot no longer has all that changed since the verification.
    write_both(ends, migration.model_copy(update={"verified": None}))
    progress("reading what changed since the verification")
    for _ in range(LOOKS):
        if changes.read(ends.source.connection, changes_slot_name(migration.key)) < FEW_MESSAGES:
            break
    if changes.number > MOST_CHANGED:
        raise RefusedError(
            f"expected at most {MOST_CHANGED} rows changed since the verification, found {changes.number}: run `dr"
            " migrate verify` again, and cut over right after it"
        )
    progress("preparing the way back")
    prepared = Prepared(migration, migration.turned(datetime.now(UTC)), changes, layouts, readers)
    try:
        _arm(ends, prepared.back)
        progress("comparing what changed since the verification")
        prepared.changed = _settle(ends, prepared)
    except BaseException:
        disarm(ends, prepared)
        raise
    return prepared


def _settle(ends: Ends, prepared: Prepared) -> int:
    """Compare before the pause what changed by now, so that the pause has only the rest; how many rows that were.

    What is found the same stays so, for everything that was read of was applied before, and what changes from here on
    is read again. What is not the same may have changed meanwhile: the pause decides.
    """
    changes, (source, target) = prepared.changes, prepared.readers
    _read(ends, prepared)
    number = changes.number
    wait_for_marker(ends, write_marker(ends.source.connection), seconds=SETTLE_SECONDS)
    wrong = compare_changed(
        source, target, algorithm_between(ends), prepared.layouts, changes.of_keys(), seconds=SETTLE_SECONDS
    )
    labels = {each.label: (each.schema_name, each.table_name) for each in prepared.layouts}
    changes.keep({labels[each.table]: {row.key for row in each.rows} for each in wrong})
    _read(ends, prepared)
    return number


def _read(ends: Ends, prepared: Prepared) -> None:
    """Read what changed. Every reading begins where the server last noted which transactions were running, every 15 s
    of its own accord; noted now, the next one is short.
    """
    connection = ends.source.connection
    if ends.source.major >= NOTES_ON_DEMAND_MAJOR:
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT pg_log_standby_snapshot()")
    prepared.changes.read(connection, changes_slot_name(prepared.migration.key))


def _arm(ends: Ends, back: Migration) -> None:
    """Prepare that the source will follow the target; it does not yet."""
    publish(ends.target)
    publisher = role_for(ends.target, back.key)
    make_slot(ends.target, slot_name(back.key))
    unsubscribe(ends.source.connection, back.key)
    subscribe(ends.source.connection, ends.source, publisher, back.key, copy=False, enabled=False)


def disarm(ends: Ends, prepared: Prepared) -> None:
    """Take the way back away again, and the slot that is read out; but not once it was decided.

    A freeze whose session broke off while it committed has not ended for that: whoever wants its row waits for it.
    """
    ends.source.connection.execute(SQL("SELECT FROM {} FOR UPDATE").format(Identifier(*TABLE.split("."))))
    if decided(ends) is not None:
        return
    unsubscribe(ends.source.connection, prepared.back.key)
    drop_slots(ends.target.connection, [as_like(slot_name(prepared.back.key))])
    drop_role(ends.target, prepared.back.key)
    drop_slots(ends.source.connection, [as_like(changes_slot_name(prepared.migration.key))])
