"""The cutover: from one end that serves to the other, within a pause that is limited and measured.

Prepared before the pause: the slot and the subscription of the way back, and what changed since the verification. In
the pause, the source's freeze (:mod:`recovery.migration.fence`) is one open transaction; until it commits, everything
is undone by rolling it back, and the server does so itself once the limit is over. Its commit is the moment of
decision: it fences the source and starts the way back, at once. What is left, to release the target, can be repeated,
or undone by an abort: nobody wrote there yet.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import psycopg
from psycopg.sql import SQL, Identifier
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, row
from recovery.explanation import TableDifference
from recovery.migration import fence
from recovery.migration.comparison import algorithm_between, compare_changed
from recovery.migration.ends import APPLICATION_NAME, Ends
from recovery.migration.marker import wait_for_marker, write_marker
from recovery.migration.preparing import Prepared, disarm, prepare
from recovery.migration.replication import (
    as_like,
    changes_slot_name,
    drop_role,
    drop_slots,
    has_role,
    slot_name,
    subscription_of,
    unsubscribe,
)
from recovery.migration.sequences import read_sequences, set_sequences
from recovery.migration.state import Migration, alone, decided, read_migration, write_migration
from recovery.migration.verifying import prepare_hold
from recovery.refusal import RefusedError

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


def cut_over(ends: Ends, *, max_pause_seconds: float, progress: Progress = lambda _: None) -> Cutover:
    """Have the target serve instead of the source; or leave everything as it was.

    Raises :class:`RefusedError` when the pause would be longer or what was verified no longer holds, psycopg.Error, and
    RuntimeError when an end broke off. Whatever happens before the decision is undone; after it, a repeated call ends
    what was begun.
    """
    try:
        with alone(ends.source.connection, ends.target.connection):
            return _cut_over(ends, max_pause_seconds, progress)
    except psycopg.OperationalError as error:
        if not (ends.source.connection.broken or ends.target.connection.broken):
            raise
        raise RuntimeError(
            f"expected both ends to answer, found one that broke off ({_first_line(error)}): `dr migrate status` tells"
            " where the cutover stands; the same command again, or `dr migrate abort`, ends it"
        ) from None  # libpq's own text names more than that


def _cut_over(ends: Ends, max_pause_seconds: float, progress: Progress) -> Cutover:
    if (begun := decided(ends)) is not None:
        if read_migration(ends.target.connection) is None:
            raise RefusedError("expected a cutover to end, found one that an abort undoes: `dr migrate abort` again")
        return _finish(ends, begun, None, max_pause_seconds)
    if (over := _released(ends)) is not None:
        return _leave(ends, over, None, max_pause_seconds)
    with ends.source.again() as source, ends.target.again() as target:
        return _switch(ends, prepare(ends, (source, target), progress), max_pause_seconds, progress)


def _switch(ends: Ends, prepared: Prepared, max_pause_seconds: float, progress: Progress) -> Cutover:
    clock = _Clock(max_pause_seconds, time.monotonic(), {})
    progress("holding writers off")
    try:
        with ends.source.again() as frozen:
            clock.began = time.monotonic()
            differences = _freeze(ends, prepared, frozen, clock)
    # The limit: our own, a lock's, or the server's, which ends the session that holds the freeze.
    except (TimeoutError, psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout) as error:
        disarm(ends, prepared)
        raise RefusedError(
            f"expected a pause of {max_pause_seconds:g} s at most, found it longer ({_first_line(error)}): the source"
            " serves on, nothing has changed; verify again, and try when fewer write or with a higher limit"
        ) from error
    except BaseException:
        disarm(ends, prepared)
        raise
    if differences:
        disarm(ends, prepared)
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


def _freeze(ends: Ends, prepared: Prepared, frozen: Connection, clock: _Clock) -> list[TableDifference]:
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
        clock.take("way back", lambda: _begin_back(ends, prepared.back, frozen))
        clock.take("fence", lambda: _fence(ends, prepared.back, frozen))
    return differences


def _compare(ends: Ends, prepared: Prepared, clock: _Clock) -> list[TableDifference]:
    prepared.changes.read(ends.source.connection, changes_slot_name(prepared.migration.key))
    source, target = prepared.readers
    return compare_changed(
        source, target, algorithm_between(ends), prepared.layouts, prepared.changes, seconds=clock.left
    )


def _begin_back(ends: Ends, back: Migration, frozen: Connection) -> None:
    """Let the way back begin after all that the forward way applied, which would come back otherwise.

    The subscription's commits wait for no disk; one that does brings all before it there. Where the way back begins is
    noted at the source, for that becomes durable with the decision. A slot that is advanced is not, until the next
    checkpoint of the target (https://www.postgresql.org/docs/current/functions-admin.html).
    """
    target = ends.target.connection
    with target.transaction():
        target.execute("SET LOCAL synchronous_commit = on")
        target.execute("UPDATE continuity.migration SET fenced = fenced")
    position = row(target, "SELECT pg_current_wal_flush_lsn()::text AS position")["position"]
    origin = f"pg_{subscription_of(ends.source, back.key)}"
    frozen.execute("SELECT pg_replication_origin_advance(%s, %s::pg_lsn)", (origin, position))


def _fence(ends: Ends, back: Migration, frozen: Connection) -> None:
    # A decision that a crash of the source forgets would leave two ends that serve.
    frozen.execute("SET LOCAL synchronous_commit = on")
    fence.put_triggers(frozen)
    message = f"this database was moved: {back.source_place} takes the writes now (dr migrate)"
    fence.fence(ends.source, frozen, message)
    write_migration(frozen, back)
    frozen.execute(SQL("ALTER SUBSCRIPTION {} ENABLE").format(Identifier(slot_name(back.key))))


def _finish(ends: Ends, back: Migration, clock: _Clock | None, limit: float) -> Cutover:
    """End what was decided. Safe to repeat."""
    began = time.monotonic()
    sequences = _release(ends, back)
    pause = None if clock is None else round(clock.spent, 3)
    steps = {} if clock is None else clock.steps | {"release": round(time.monotonic() - began, 4)}
    return _leave(ends, back, pause, limit).model_copy(update={"sequences": sequences, "steps": steps})


def _release(ends: Ends, back: Migration) -> int:
    """Let the target take writes; how many sequences were set."""
    target = ends.target.connection
    found = read_sequences(ends.source.connection)
    with target.transaction():
        # What was applied is on disk when this commit is, whatever the subscription waits for.
        target.execute("SET LOCAL synchronous_commit = on")
        unsubscribe(target, _forward(back).key)
        number = set_sequences(target, found)
        write_migration(target, back)
        fence.release_in(ends.target, target)
    return number


def _released(ends: Ends) -> Migration | None:
    """What an earlier call released without clearing away what served the way there; None for nothing."""
    found = read_migration(ends.source.connection)
    if found is None or found.source != ends.target.identity or found.target != ends.source.identity:
        return None
    return found if has_role(ends.source, _forward(found).key) else None


def _leave(ends: Ends, back: Migration, pause: float | None, limit: float) -> Cutover:
    """Clear away what served the way there; the role goes last."""
    ended = fence.end_sessions(ends.source.connection, but=APPLICATION_NAME)
    forward = _forward(back).key
    drop_slots(ends.source.connection, [f"%{as_like('_' + forward)}"])
    drop_role(ends.source, forward)
    return Cutover(
        migration=back,
        done=True,
        pause_seconds=pause,
        limit_seconds=limit,
        changed_rows=0,
        sequences=0,
        ended_sessions=ended,
        steps={},
    )


def _forward(back: Migration) -> Migration:
    return back.model_copy(update={"turn": back.turn - 1})


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
