"""Prove that both ends hold the same: schema and every row, at one point of the source's history.

The point is made by holding writers off for the moment that the target needs to catch up: then both ends hold the same
rows, and a snapshot of each keeps that view for as long as the comparison takes, while everybody writes on.
"""

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime

import psycopg
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, row, snapshot
from recovery.migration.comparison import Compared, algorithm_between, compare_all
from recovery.migration.ends import Ends
from recovery.migration.fence import TRIGGER, lock_tables
from recovery.migration.marker import wait_for_marker, write_marker
from recovery.migration.replication import as_like, changes_slot_name, drop_slots, make_slot
from recovery.migration.standing import standing
from recovery.migration.state import Migration, Verified, alone, write_both
from recovery.refusal import RefusedError
from recovery.schema import differences, read_schema

# How long writers are held off at most for one attempt, and how often it is tried.
LONGEST_PAUSE_SECONDS = 1.0
ATTEMPTS = 10
REST_SECONDS = 0.5
# So far behind the target may be for an attempt to make sense.
NEAR_BYTES = 4 * 1024 * 1024
CATCH_UP_SECONDS = 600.0

# What the migration itself makes, or an end has of its own.
_OWN = ("publication", "subscription", "database itself", "collation version", "database setting")


class Verification(BaseModel):
    """What a verification found; ``pause_seconds`` is how long writers were held off for it."""

    model_config = ConfigDict(frozen=True)

    migration: Migration
    position: str
    pause_seconds: float
    compared: Compared
    schema_differences: tuple[str, ...]
    seconds: float

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.compared.differences and not self.schema_differences


def verify(ends: Ends, progress: Callable[[str], None] = lambda _: None) -> Verification:
    """Compare both ends, and keep that they are the same for the cutover.

    Raises :class:`RefusedError` when the target does not follow or cannot catch up, or psycopg.Error.
    """
    with alone(ends.source.connection, ends.target.connection):
        return _verify(ends, progress)


def _verify(ends: Ends, progress: Callable[[str], None]) -> Verification:
    began = time.monotonic()
    migration = require_following(ends)
    migration = write_both(ends, migration.model_copy(update={"verified": None}))
    # Made before the point, so that it tells all that changed since, and some that did before.
    slot = changes_slot_name(migration.key)
    drop_slots(ends.source.connection, [as_like(slot)])
    make_slot(ends.source, slot)
    with ends.source.again() as source, ends.target.again() as target:
        with _one_point(ends, source, target, progress) as (position, pause):
            compared = compare_all(source, target, algorithm_between(ends), progress)
            told = schema_differences(source, target)
        found = Verification(
            migration=migration,
            position=position,
            pause_seconds=round(pause, 3),
            compared=compared,
            schema_differences=tuple(told),
            seconds=round(time.monotonic() - began, 3),
        )
    if not found.same:
        drop_slots(ends.source.connection, [as_like(slot)])
        return found
    verified = Verified(at=datetime.now(UTC), position=position, rows=compared.rows)
    return found.model_copy(update={"migration": write_both(ends, migration.model_copy(update={"verified": verified}))})


def require_following(ends: Ends) -> Migration:
    """The migration, once its target follows. Raises :class:`RefusedError`."""
    found = standing(ends)
    if found.migration.step != "following" or not found.copied:
        raise RefusedError(
            "expected a target that follows, found the migration unfinished: run `dr migrate start` again"
        )
    if found.alarms:
        raise RefusedError(f"expected a migration without alarms, found that {found.alarms[0]}")
    return found.migration


def wait_until_near(ends: Ends, progress: Callable[[str], None]) -> None:
    """Wait until the target is not far behind. Raises :class:`RefusedError` when it does not come nearer."""
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while (behind := standing(ends).behind or 0) > NEAR_BYTES:
        progress(f"the target is {behind} bytes behind")
        if time.monotonic() > deadline:
            raise RefusedError(
                f"expected the target to catch up within {CATCH_UP_SECONDS:.0f} s, found it {behind} bytes behind: look"
                " at its load, or try when fewer write"
            )
        time.sleep(REST_SECONDS)


@contextmanager
def hold_writers(connection: Connection, seconds: float) -> Generator[None]:
    """In a transaction of its own that is rolled back unless the block commits it: no writer until it ends.

    Raises psycopg.errors.LockNotAvailable when a writer under way did not end within ``seconds``.
    """
    with connection.transaction(force_rollback=True):
        prepare_hold(connection, seconds)
        lock_tables(connection, seconds=seconds)
        yield


def prepare_hold(connection: Connection, seconds: float) -> None:
    """Have the server itself end this transaction, should it stand longer than that, whatever became of us."""
    milliseconds = str(max(1, round(seconds * 1000)))
    for setting in ("lock_timeout", "idle_in_transaction_session_timeout"):
        connection.execute("SELECT set_config(%s, %s, true)", (setting, milliseconds))
    # An autovacuum that is in the way gives way after this time, a second by default; it takes a right to set.
    with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
        connection.execute("SELECT set_config('deadlock_timeout', '20', true)")


@contextmanager
def _one_point(
    ends: Ends, source: Connection, target: Connection, progress: Callable[[str], None]
) -> Generator[tuple[str, float]]:
    """Snapshots of both ends that hold the same transactions: the point, and how long writers were held off."""
    for attempt in range(1, ATTEMPTS + 1):
        wait_until_near(ends, progress)
        progress("holding writers off for a moment")
        began = time.monotonic()
        with ExitStack() as views:
            try:
                with ends.source.again() as holder, hold_writers(holder, LONGEST_PAUSE_SECONDS):
                    wait_for_marker(ends, write_marker(ends.source.connection), seconds=LONGEST_PAUSE_SECONDS)
                    for each in (source, target):
                        views.enter_context(snapshot(each))
                    position = row(source, "SELECT pg_current_wal_lsn()::text AS position")["position"]
            except (psycopg.errors.LockNotAvailable, TimeoutError):
                progress(f"attempt {attempt} of {ATTEMPTS} found no quiet moment")
                time.sleep(REST_SECONDS)
                continue
            yield position, time.monotonic() - began
            return
    raise RefusedError(
        f"expected a moment in which all writers could be held off for {LONGEST_PAUSE_SECONDS:g} s, found none in"
        f" {ATTEMPTS} attempts: end long transactions on the source, or try when fewer write"
    )


def schema_differences(source: Connection, target: Connection) -> list[str]:
    """What the target's schema has otherwise than the source's, in sentences."""
    expected, found = (
        {name: text for name, text in read_schema(each).items() if not name.startswith(_OWN) and TRIGGER not in name}
        for each in (source, target)
    )
    return differences(expected, found)
