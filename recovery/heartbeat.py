"""The pulse of the database: hash-chained rows that date every copy of it.

Each row's hash covers its sequence, its time and the hash before it. A copy is as old as its newest row, and a gap, a
changed row or a broken link shows that something was lost or written over.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from psycopg.sql import SQL, Literal

from recovery.database import Connection, row, rows
from recovery.objectives import HEARTBEAT_INTERVAL, HEARTBEAT_SILENCE

GENESIS = "0" * 64  # what the first row has for a previous hash

# Any number that no other advisory lock of the database uses ("continuity" in ASCII, cut to 63 bits).
HEARTBEAT_LOCK = 0x636F6E74696E7569

# sha256 over sequence|written_at|previous_hash, the time in UTC with microseconds: no session setting can change it.
_HASH = SQL("""encode(sha256(convert_to(
    beat.sequence || '|' || to_char(beat.written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    || '|' || beat.previous_hash, 'UTF8')), 'hex')""")

_WRITE = SQL("""
INSERT INTO continuity.heartbeat (sequence, written_at, previous_hash, hash)
SELECT beat.sequence, beat.written_at, beat.previous_hash, {hash}
FROM (
    SELECT coalesce(newest.sequence, 0) + 1 AS sequence, clock_timestamp() AS written_at,
           coalesce(newest.hash, {genesis}) AS previous_hash
    FROM (SELECT 1) AS always
    LEFT JOIN (SELECT sequence, hash FROM continuity.heartbeat ORDER BY sequence DESC LIMIT 1) AS newest ON true
    OFFSET 0  -- keeps clock_timestamp() from being evaluated twice
) AS beat
RETURNING sequence, written_at, previous_hash, hash
""").format(hash=_HASH, genesis=Literal(GENESIS))

# The server walks the chain along its primary key, so memory does not grow with its length. Writers take turns, so that
# times never go back; and no clock that dates a copy may be ahead of ours by more than a beat.
_FAULTS = SQL("""
SELECT sequence, expected_sequence, hash IS DISTINCT FROM expected_hash AS forged,
       previous_hash IS DISTINCT FROM expected_previous AS broken, written_at
FROM (
    SELECT beat.sequence, beat.previous_hash, beat.hash, beat.written_at,
           coalesce(lag(beat.written_at) OVER chain, '-infinity') AS not_before,
           coalesce(lag(beat.sequence) OVER chain, 0) + 1 AS expected_sequence,
           coalesce(lag(beat.hash) OVER chain, {genesis}) AS expected_previous,
           {hash} AS expected_hash
    FROM continuity.heartbeat AS beat
    WINDOW chain AS (ORDER BY beat.sequence)
) AS beats
WHERE sequence <> expected_sequence OR previous_hash IS DISTINCT FROM expected_previous
   OR hash IS DISTINCT FROM expected_hash OR written_at NOT BETWEEN not_before AND clock_timestamp() + {ahead}
ORDER BY sequence LIMIT 3
""").format(hash=_HASH, genesis=Literal(GENESIS), ahead=Literal(HEARTBEAT_INTERVAL))


_SILENCES = SQL("""
SELECT count(*) AS length, count(*) FILTER (WHERE silence > {allowed}) AS silences,
       extract(epoch FROM max(silence))::float AS longest_silence_seconds
FROM (SELECT written_at - lag(written_at) OVER (ORDER BY sequence) AS silence FROM continuity.heartbeat) AS beats
""").format(allowed=Literal(HEARTBEAT_SILENCE))


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """One row of the pulse; both hashes are SHA-256 in hexadecimal."""

    sequence: int
    written_at: datetime
    previous_hash: str
    hash: str


class Pulse(NamedTuple):
    """What the whole chain says: how many rows it has, and its faults in words, the first three at most.

    ``silences`` are the pauses between rows longer than HEARTBEAT_SILENCE. They are no faults of a copy: the pulse had
    stopped, and what was written meanwhile is dated by the row before only.
    """

    length: int
    faults: tuple[str, ...]
    silences: int
    longest_silence_seconds: float | None


def write_heartbeat(connection: Connection) -> Heartbeat:
    """Append one row and return it. Safe when several writers run at once: they take turns.

    Raises psycopg.Error, for one when the database was never bootstrapped or is a replica.
    """
    with connection.transaction():
        # Read committed, so that the row before ours is seen even when it was committed while we waited.
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (HEARTBEAT_LOCK,))
        return Heartbeat(**row(connection, _WRITE))


def newest_heartbeat(connection: Connection, *, not_after: datetime | None = None) -> Heartbeat | None:
    """The newest row, of those written at or before ``not_after`` when that is given; None when there is none."""
    found = rows(
        connection,
        "SELECT sequence, written_at, previous_hash, hash FROM continuity.heartbeat"
        " WHERE %(limit)s::timestamptz IS NULL OR written_at <= %(limit)s ORDER BY sequence DESC LIMIT 1",
        {"limit": not_after},
    )
    return Heartbeat(**found[0]) if found else None


def heartbeat_at(connection: Connection, sequence: int) -> Heartbeat | None:
    """The row of that sequence, None when there is none."""
    found = rows(
        connection,
        "SELECT sequence, written_at, previous_hash, hash FROM continuity.heartbeat WHERE sequence = %s",
        (sequence,),
    )
    return Heartbeat(**found[0]) if found else None


def read_pulse(connection: Connection) -> Pulse:
    """Walk the whole chain, from its first row."""
    faults = tuple(_describe(fault) for fault in rows(connection, _FAULTS))
    return Pulse(faults=faults, **row(connection, _SILENCES))


def has_pulse(connection: Connection) -> bool:
    """Whether the database was ever bootstrapped."""
    return row(connection, "SELECT to_regclass('continuity.heartbeat') IS NOT NULL AS present")["present"]


def _describe(fault: dict[str, object]) -> str:
    sequence, expected = fault["sequence"], fault["expected_sequence"]
    if sequence != expected:
        return f"expected heartbeat {expected}, found {sequence}: the rows between are missing"
    if fault["forged"]:
        return f"heartbeat {sequence} does not match its own hash: the row was changed"
    if fault["broken"]:
        return f"heartbeat {sequence} does not continue the one before it: the chain is broken"
    return (
        f"heartbeat {sequence} is dated {fault['written_at']}, before the one before it or in the future: a clock was"
        " wrong, and the age of the data cannot be trusted"
    )
