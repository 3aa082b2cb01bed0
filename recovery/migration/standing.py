"""Where a migration stands: how far each table is, how far the target is behind, and what needs somebody."""

import time
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from recovery.database import Row, row, rows
from recovery.migration.ends import Ends
from recovery.migration.replication import as_like, slot_name, subscription_of, wake
from recovery.migration.state import Migration, require_migration
from recovery.migration.tables import moved_tables

# Of what a slot may hold, this much is left for somebody to act in.
ALARM_SHARE = 0.5
# A server starts a worker again after wal_retrieve_retry_interval, 5 s by default.
WORKER_LOOKS, WORKER_LOOK_SECONDS = 30, 0.2

_SLOTS = """
SELECT slot_name AS name, active, wal_status, invalid.reason, safe_wal_size,
       pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS held,
       pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint AS behind
FROM pg_replication_slots, LATERAL (SELECT CASE WHEN wal_status = 'lost' THEN 'lost' END) AS invalid(reason)
WHERE database = current_database() AND slot_name LIKE ANY(%s)
ORDER BY slot_name
"""
_TABLES = """
SELECT n.nspname || '.' || c.relname AS name, s.srsubstate::text AS state, pg_table_size(c.oid)
       + coalesce((SELECT sum(pg_table_size(t.relid)) FROM pg_partition_tree(c.oid) AS t WHERE t.isleaf
                   AND t.relid <> c.oid), 0) AS bytes,
       p.bytes_processed AS copied
FROM pg_subscription_rel AS s JOIN pg_class AS c ON c.oid = s.srrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_progress_copy AS p ON p.relid = c.oid AND p.datid = (SELECT oid FROM pg_database
                                                                      WHERE datname = current_database())
WHERE s.srsubid = %s ORDER BY 1
"""
_ERRORS = "SELECT apply_error_count + sync_error_count AS errors FROM pg_stat_subscription_stats WHERE subid = %s"
_WORKER = "SELECT count(*) AS workers FROM pg_stat_subscription WHERE subid = %s AND pid IS NOT NULL AND relid IS NULL"


class TableProgress(BaseModel):
    """One table: ``state`` in words, bytes on either side (without indexes)."""

    model_config = ConfigDict(frozen=True)

    table: str
    state: str
    source_bytes: int
    target_bytes: int


class Slot(BaseModel):
    """One slot on the source. ``held`` is the WAL that it keeps, ``behind`` what its reader has not confirmed, in
    bytes; ``left`` what may still come before the server gives it up, None where that is unlimited or it is lost.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    active: bool
    lost: bool
    held: int | None
    behind: int | None
    left: int | None


class Standing(BaseModel):
    """Where a migration stands at ``at``. ``errors`` were met since it began, and may be over; ``alarms`` are what
    needs somebody: empty is good.
    """

    model_config = ConfigDict(frozen=True)

    at: datetime
    migration: Migration
    tables: tuple[TableProgress, ...]
    slots: tuple[Slot, ...]
    worker: bool
    errors: int
    alarms: tuple[str, ...]

    @property
    def copied(self) -> bool:
        """Whether every table has all its rows and follows."""
        return bool(self.tables) and all(each.state == "following" for each in self.tables)

    @property
    def behind(self) -> int | None:
        """Bytes that the target is behind; None without a slot."""
        own = [each.behind for each in self.slots if each.name == slot_name(self.migration.key)]
        return own[0] if own else None


_STATES = {"i": "waiting", "d": "copying", "f": "copied", "s": "catching up", "r": "following"}


def standing(ends: Ends) -> Standing:
    """Look at both ends. Raises :class:`recovery.refusal.RefusedError` when there is no migration, or psycopg.Error."""
    migration = require_migration(ends)
    subscription = subscription_of(ends.target, migration.key)
    slots = [_slot(each) for each in rows(ends.source.connection, _SLOTS, ([f"%\\_{as_like(migration.key)}"],))]
    worker = _works(ends, subscription, migration.key) if subscription else False
    errors = rows(ends.target.connection, _ERRORS, (subscription,)) if ends.target.major > 14 and subscription else []
    number = int(errors[0]["errors"]) if errors else 0
    return Standing(
        at=datetime.now(UTC),
        migration=migration,
        tables=tuple(_tables(ends, subscription)) if subscription else (),
        slots=tuple(slots),
        worker=worker,
        errors=number,
        alarms=tuple(_alarms(migration, slots, worker=worker, number=number)),
    )


def _works(ends: Ends, subscription: int, migration: str) -> bool:
    """Whether the worker runs; one that just lost its connection is given the time to begin anew."""
    for _ in range(WORKER_LOOKS):
        if row(ends.target.connection, _WORKER, (subscription,))["workers"]:
            return True
        wake(ends.target, migration)
        time.sleep(WORKER_LOOK_SECONDS)
    return False


def _slot(found: Row) -> Slot:
    return Slot(
        name=found["name"],
        active=found["active"],
        lost=found["wal_status"] == "lost",
        held=found["held"],
        behind=found["behind"],
        left=found["safe_wal_size"],
    )


def _tables(ends: Ends, subscription: int) -> list[TableProgress]:
    sizes = {each.label: each for each in moved_tables(ends.source.connection)}
    whole = {name: each.bytes for name, each in sizes.items()}
    return [
        TableProgress(
            table=each["name"],
            state=_STATES[each["state"]],
            source_bytes=whole.get(each["name"], 0),
            target_bytes=int(each["copied"] or each["bytes"]),
        )
        for each in rows(ends.target.connection, _TABLES, (subscription,))
    ]


def _alarms(migration: Migration, slots: list[Slot], *, worker: bool, number: int) -> list[str]:
    found: list[str] = []
    for each in slots:
        if each.lost:
            found.append(
                f"the slot {each.name} was given up by the source, which held too much for it: `dr migrate abort`, and"
                " start again"
            )
        elif each.left is not None and each.held is not None and each.held > ALARM_SHARE * (each.held + each.left):
            found.append(
                f"the slot {each.name} holds {each.held} bytes of WAL, {each.left} more and the source gives it up:"
                " verify and cut over, raise max_slot_wal_keep_size, or `dr migrate abort`"
            )
    if migration.step != "schema" and not worker:
        found.append(
            f"the target is not following: its worker does not run, and met {number} errors so far; its server's log"
            " says which"
        )
    return found
