"""The cutover: from one end that serves to the other, within a pause that is limited and measured.

Prepared before the pause: the slot and the subscription of the way back, and what changed since the verification. In
the pause, the source's freeze (:mod:`recovery.migration.fence`) is one open transaction; until it commits, everything
is undone by rolling it back, and the server does so itself once the limit is over. Its commit is the moment of
decision: it fences the source and starts the way back, at once. What is left, to release the target, can be repeated.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import psycopg
from psycopg.sql import SQL, Identifier
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection
from recovery.explanation import TableDifference
from recovery.layout import Layout
from recovery.migration import fence
from recovery.migration.changes import Changes
from recovery.migration.comparison import algorithm_between, compare_changed, whole_layouts
from recovery.migration.ends import APPLICATION_NAME, End, Ends
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
from recovery.migration.sequences import read_sequences, set_sequences
from recovery.migration.state import Migration, alone, read_migration, write_both, write_migration
from recovery.migration.verifying import prepare_hold, require_following, schema_differences, wait_until_near
from recovery.refusal import RefusedError

# More rows that changed since the verification than can be compared within a second.
MOST_CHANGED = 50_000
# Before the pause, what changed is taken until a look finds no more messages than this.
FEW_MESSAGES = 2_000
LOOKS = 20
SETTLE_SECONDS = 60.0
NOTES_ON_DEMAND_MAJOR = 16  # the first with pg_log_standby_snapshot

Progress = Callable[[str], None]
Result = TypeVar("Result")


class Cutover(BaseModel):
    """What a cutover did. ``pause_seconds``: from the moment writers were held off to the release of the target, None
    when an earlier call had begun it. ``differences`` are why it was called off, if it was.
    """

    model_config = ConfigDict(frozen=True)

    migration: Migration
    done: bool
    pause_seconds: float | None
    limit_seconds: float
    changed_rows: int
    sequences: int
    ended_sessions: int
    differences: tuple[TableDifference, ...] = ()
    steps: dict[str, float]


@dataclass
class _Clock:
    """The pause: when it began, what each step of it took, and what is left."""

    limit: float
    began: float
    steps: dict[str, float]

    @property
    def spent(self) -> float:
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        return max(0.001, self.limit - self.spent)

    def take(self, name: str, work: Callable[[], Result]) -> Result:
        began = time.monotonic()
        found = work()
        self.steps[name] = round(time.monotonic() - began, 4)
        if self.spent > self.limit:
            raise TimeoutError(f"{name} ended after {self.spent:.2f} s")
        return found


@dataclass
class _Prepared:
    migration: Migration
    back: Migration
    changes: Changes
    layouts: list[Layout]
    readers: tuple[Connection, Connection]
    changed: int = 0


def cut_over(ends: Ends, *, max_pause_seconds: float, progress: Progress = lambda _: None) -> Cutover:
    """Have the target serve instead of the source; or leave everything as it was.

    Raises :class:`RefusedError` when the pause would be longer or what was verified no longer holds, and psycopg.Error.
    Whatever happens before the decision is undone; after it, a repeated call ends what was begun.
    """
    with alone(ends.source.connection):
        return _cut_over(ends, max_pause_seconds, progress)


def _cut_over(ends: Ends, max_pause_seconds: float, progress: Progress) -> Cutover:
    if (begun := _decided(ends)) is not None:
        return _finish(ends, begun, None, max_pause_seconds)
    with ends.source.again() as source, ends.target.again() as target:
        return _switch(ends, _prepare(ends, (source, target), progress), max_pause_seconds, progress)


def _switch(ends: Ends, prepared: _Prepared, max_pause_seconds: float, progress: Progress) -> Cutover:
    clock = _Clock(max_pause_seconds, time.monotonic(), {})
    progress("holding writers off")
    try:
        with ends.source.again() as frozen:
            clock.began = time.monotonic()
            differences = _freeze(ends, prepared, frozen, clock)
    except (TimeoutError, psycopg.OperationalError) as error:  # the limit, ours or the server's
        _disarm(ends, prepared)
        raise RefusedError(
            f"expected a pause of {max_pause_seconds:g} s at most, found it longer ({_first_line(error)}): the source"
            " serves on, nothing has changed; verify again, and try when fewer write or with a higher limit"
        ) from error
    except BaseException:
        _disarm(ends, prepared)
        raise
    if differences:
        _disarm(ends, prepared)
        return Cutover(
            migration=prepared.migration,
            done=False,
            pause_seconds=round(clock.spent, 3),
            limit_seconds=max_pause_seconds,
            changed_rows=prepared.changed + prepared.changes.number,
            sequences=0,
            ended_sessions=0,
            differences=tuple(differences),
            steps=clock.steps,
        )
    done = _finish(ends, prepared.back, clock, max_pause_seconds)
    return done.model_copy(update={"changed_rows": prepared.changed + prepared.changes.number})


def _decided(ends: Ends) -> Migration | None:
    """What an earlier call decided and did not finish; None when there is no such thing."""
    source, target = read_migration(ends.source.connection), read_migration(ends.target.connection)
    turned = source is not None and source.source == ends.target.identity and source.target == ends.source.identity
    if source is None or not turned or (target is not None and target.turn == source.turn):
        return None
    return source


def _prepare(ends: Ends, readers: tuple[Connection, Connection], progress: Progress) -> _Prepared:
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
    prepared = _Prepared(migration, migration.turned(datetime.now(UTC)), changes, layouts, readers)
    try:
        _arm(ends, prepared.back)
        progress("comparing what changed since the verification")
        prepared.changed = _settle(ends, prepared)
    except BaseException:
        _disarm(ends, prepared)
        raise
    return prepared


def _settle(ends: Ends, prepared: _Prepared) -> int:
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


def _read(ends: Ends, prepared: _Prepared) -> None:
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


def _disarm(ends: Ends, prepared: _Prepared) -> None:
    """Take the way back away again, and the slot that is read out; but not once it was decided."""
    if _decided(ends) is not None:
        return
    unsubscribe(ends.source.connection, prepared.back.key)
    drop_slots(ends.target.connection, [as_like(slot_name(prepared.back.key))])
    drop_role(ends.target, prepared.back.key)
    drop_slots(ends.source.connection, [as_like(changes_slot_name(prepared.migration.key))])


def _freeze(ends: Ends, prepared: _Prepared, frozen: Connection, clock: _Clock) -> list[TableDifference]:
    """The pause up to the decision: nothing and a committed transaction, or differences and one rolled back."""
    differences: list[TableDifference] = []
    with frozen.transaction():
        prepare_hold(frozen, clock.limit)
        clock.take("lock", lambda: fence.lock_tables(frozen, seconds=clock.left))
        marker = write_marker(ends.source.connection)
        clock.take("apply", lambda: wait_for_marker(ends, marker, seconds=clock.left))
        clock.take("compare", lambda: differences.extend(_compare(ends, prepared, clock)))
        if differences:
            raise psycopg.Rollback
        # From here on nothing that the forward way applied comes back: the slot begins after all of it.
        clock.take("way back", lambda: _advance(ends.target, prepared.back))
        clock.take("fence", lambda: _fence(ends, prepared.back, frozen))
    return differences


def _compare(ends: Ends, prepared: _Prepared, clock: _Clock) -> list[TableDifference]:
    prepared.changes.read(ends.source.connection, changes_slot_name(prepared.migration.key))
    source, target = prepared.readers
    return compare_changed(
        source, target, algorithm_between(ends), prepared.layouts, prepared.changes, seconds=clock.left
    )


def _advance(target: End, back: Migration) -> None:
    """Let the way back begin after all that the forward way applied. A slot only advances over what is on disk, and
    the subscription's commits wait for no disk; one that does brings all before it there."""
    with target.connection.transaction():
        target.connection.execute("SET LOCAL synchronous_commit = on")
        target.connection.execute("UPDATE continuity.migration SET fenced = fenced")
    target.connection.execute(
        "SELECT pg_replication_slot_advance(%s, pg_current_wal_flush_lsn())", (slot_name(back.key),)
    )


def _fence(ends: Ends, back: Migration, frozen: Connection) -> None:
    fence.put_triggers(frozen)
    message = f"this database was moved: {back.source_place} takes the writes now (dr migrate)"
    fence.fence(ends.source, frozen, message)
    write_migration(frozen, back)
    frozen.execute(SQL("ALTER SUBSCRIPTION {} ENABLE").format(Identifier(slot_name(back.key))))


def _finish(ends: Ends, back: Migration, clock: _Clock | None, limit: float) -> Cutover:
    """Release the target: the decision has been made. Safe to repeat."""
    forward = back.model_copy(update={"turn": back.turn - 1})
    target = ends.target.connection
    found = read_sequences(ends.source.connection)
    began = time.monotonic()
    with target.transaction():
        # What was applied is on disk when this commit is, whatever the subscription waits for.
        target.execute("SET LOCAL synchronous_commit = on")
        unsubscribe(target, forward.key)
        number = set_sequences(target, found)
        write_migration(target, back)
        fence.release_in(ends.target, target)
    pause = None if clock is None else round(clock.spent, 3)
    steps = {} if clock is None else clock.steps | {"release": round(time.monotonic() - began, 4)}
    ended = fence.end_sessions(ends.source.connection, but=APPLICATION_NAME)
    drop_slots(ends.source.connection, [f"%{as_like('_' + forward.key)}"])
    drop_role(ends.source, forward.key)
    return Cutover(
        migration=back,
        done=True,
        pause_seconds=pause,
        limit_seconds=limit,
        changed_rows=0,
        sequences=number,
        ended_sessions=ended,
        steps=steps,
    )


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
