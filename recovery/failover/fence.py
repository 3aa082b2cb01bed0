"""The fence of a database: new transactions cannot write, and sessions from before it are ended.

It is a setting of the database, so a standby that follows inherits it: a promoted copy takes no writes either until its
own fence is lifted. A session that switches the setting off for itself is not stopped by it; the closed security group
and ``continuity.require_epoch`` are for those.
"""

from datetime import datetime

from psycopg.sql import SQL, Identifier
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, row
from recovery.failover.epochs import FIRST, Epoch
from recovery.heartbeat import Heartbeat, has_pulse, newest_heartbeat, write_heartbeat

_SETTING = "default_transaction_read_only"

_STATE = SQL("""
SELECT current_database() AS database, pg_is_in_recovery() AS in_recovery,
       current_setting('server_version_num')::int / 10000 AS major, current_setting('server_version') AS version,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS position,
       to_regclass('continuity.epoch') IS NOT NULL AS has_epoch, clock_timestamp() AS now,
       EXISTS (SELECT FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase
               WHERE d.datname = current_database() AND s.setrole = 0 AND {fenced} = ANY(s.setconfig)) AS fenced
""").format(fenced=f"{_SETTING}=on")

# Sessions that began after the setting was committed have it. A superuser's (RDS's own) are not ours to end.
_END_SESSIONS = """
SELECT count(pg_terminate_backend(a.pid, 2000))::int AS ended
FROM pg_stat_activity AS a JOIN pg_roles AS r ON r.oid = a.usesysid
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
  AND a.backend_start <= %s AND NOT r.rolsuper
"""

_SET_EPOCH = """
INSERT INTO continuity.epoch (number, region, since) VALUES (%(number)s, %(region)s, %(since)s)
ON CONFLICT (only_row) DO UPDATE SET number = excluded.number, region = excluded.region, since = excluded.since
WHERE continuity.epoch.number < excluded.number
"""


class DatabaseState(BaseModel):
    """One look at a database. ``position`` is what was written, on a standby what was replayed (a WAL location)."""

    model_config = ConfigDict(frozen=True)

    database: str
    in_recovery: bool
    fenced: bool
    version: str
    position: str | None
    epoch: int
    now: datetime
    heartbeat: Heartbeat | None


class Fenced(BaseModel):
    """What a fence found and left: the last heartbeat and the last position that anything was written at."""

    model_config = ConfigDict(frozen=True)

    fenced_at: datetime
    position: str
    ended_sessions: int
    heartbeat: Heartbeat | None


class NotPrimaryError(RuntimeError):
    """The database is still a standby and cannot be changed."""


def database_state(connection: Connection) -> DatabaseState:
    """Look; changes nothing. Raises psycopg.Error."""
    found = row(connection, _STATE)
    epoch = FIRST
    if found["has_epoch"]:
        epoch = row(connection, "SELECT coalesce(max(number), %s) AS number FROM continuity.epoch", (FIRST,))["number"]
    beat = newest_heartbeat(connection) if has_pulse(connection) else None
    return DatabaseState.model_validate(found | {"epoch": epoch, "heartbeat": beat})


def raise_fence(connection: Connection) -> Fenced:
    """Let nobody write any more, as of the moment this returns; safe to repeat. A last heartbeat dates what is there.

    Raises :class:`NotPrimaryError` for a standby, or psycopg.Error.
    """
    state = _writable(connection)
    beat = state.heartbeat
    if not state.fenced:
        beat = write_heartbeat(connection) if beat is not None else None
        connection.execute(SQL("ALTER DATABASE {} SET {} = on").format(Identifier(state.database), SQL(_SETTING)))
    fenced_at = row(connection, "SELECT clock_timestamp() AS now")["now"]
    ended = row(connection, _END_SESSIONS, (fenced_at,))["ended"]
    position = row(connection, "SELECT pg_current_wal_lsn()::text AS position")["position"]
    return Fenced(fenced_at=fenced_at, position=position, ended_sessions=ended, heartbeat=beat)


def adopt(connection: Connection, epoch: Epoch) -> DatabaseState:
    """Write ``epoch`` into a promoted database, which stays fenced until :func:`lift_fence`; safe to repeat.

    The answer is the state before: its newest heartbeat dates what was promoted. Raises as :func:`raise_fence` does.
    """
    state = _writable(connection)
    if state.epoch >= epoch.number:
        return state
    connection.execute(SQL("ALTER DATABASE {} SET {} = on").format(Identifier(state.database), SQL(_SETTING)))
    connection.execute(_END_SESSIONS, (row(connection, "SELECT clock_timestamp() AS now")["now"],))
    connection.execute(_SET_EPOCH, epoch.model_dump())
    return state


def lift_fence(connection: Connection) -> DatabaseState:
    """Let a database of ours take writes; safe to repeat. Raises as :func:`raise_fence` does."""
    state = _writable(connection)
    connection.execute(SQL("ALTER DATABASE {} RESET {}").format(Identifier(state.database), SQL(_SETTING)))
    if state.heartbeat is not None:
        write_heartbeat(connection)
    return database_state(connection)


def replayed(connection: Connection, position: str) -> bool:
    """Whether a standby has replayed everything up to ``position``; true of any database that is no standby."""
    return row(
        connection,
        "SELECT NOT pg_is_in_recovery() OR coalesce(pg_last_wal_replay_lsn() >= %s::pg_lsn, false) AS done",
        (position,),
    )["done"]


def _writable(connection: Connection) -> DatabaseState:
    state = database_state(connection)
    if state.in_recovery:
        raise NotPrimaryError(f"expected a database that takes writes, found {state.database} still a standby")
    connection.execute(SQL("SET {} = off").format(SQL(_SETTING)))
    return state
