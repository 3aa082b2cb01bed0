"""Is it the right database, and does it serve?"""

from recovery.checks.outcome import Check, CheckContext, Outcome, Part
from recovery.database import Connection, row
from recovery.heartbeat import has_pulse, heartbeat_at, newest_heartbeat
from recovery.manifest import Database, read_database
from recovery.settling import CLOCK_ALLOWANCE


def check_identity(connection: Connection, context: CheckContext, _part: Part) -> Outcome:
    """The manifest's database answers, is no younger than its restore, has been promoted, and takes writes."""
    expected, found = context.manifest.database, read_database(connection)
    faults: list[str] = []
    for what, wanted, given in (
        ("the database", expected.name, found.name),
        ("PostgreSQL", str(expected.server_major), str(found.server_major)),
        ("the encoding", expected.encoding, found.encoding),
        ("the collation", expected.collation, found.collation),
        ("the character type", expected.character_type, found.character_type),
    ):
        if wanted != given:
            faults.append(f"{what} is {given}, expected {wanted}")
    origin = _origin(connection, context, found)
    if origin is None:
        faults.append(
            f"the cluster's system identifier is {found.system_identifier}, expected {expected.system_identifier}, and"
            " the pulse that the manifest has seen is not here either: this is another database"
        )
    faults += _too_young(connection, context)
    faults += _unready(connection, fenced=context.fenced)
    if faults:
        return Outcome(status="failed", detail="; ".join(faults))
    return Outcome(
        status="passed",
        detail=f"database {found.name} answers on PostgreSQL {found.server_version}, {origin}",
        measurements={"server_version": found.server_version, "system_identifier": found.system_identifier},
    )


def _origin(connection: Connection, context: CheckContext, found: Database) -> str | None:
    """How the copy is known to be one of the manifest's database; None when it is not."""
    expected = context.manifest.database.system_identifier
    # A physical copy, and that is what a restored backup is, keeps the identifier.
    if expected is not None and found.system_identifier == expected:
        return f"system identifier {expected}"
    if _has_pulse_of(connection, context):
        return "known by its pulse: a logical copy, or a cluster that does not tell its identifier"
    # Without an identifier and a pulse to compare, the name has to do.
    return "known by its name only" if None in (expected, found.system_identifier) else None


def _has_pulse_of(connection: Connection, context: CheckContext) -> bool:
    anchor = context.manifest.heartbeat
    if anchor is None or not has_pulse(connection):
        return False
    found = heartbeat_at(connection, anchor.sequence)
    return found is not None and found.hash == anchor.hash


def _too_young(connection: Connection, context: CheckContext) -> list[str]:
    """How old a copy may be is the heartbeat's question; it cannot hold what was written after its restore began.

    Beats after the disaster are no sign: a copy that was promoted in time has them.
    """
    if context.restore_started_at is None or not has_pulse(connection):
        return []
    newest = newest_heartbeat(connection)
    if newest is None or newest.written_at <= context.restore_started_at + CLOCK_ALLOWANCE:
        return []
    return [
        f"its newest heartbeat is of {newest.written_at.isoformat()}, after the restore began at"
        f" {context.restore_started_at.isoformat()}: this is not the copy that was restored, or somebody writes to it"
    ]


def _unready(connection: Connection, *, fenced: bool) -> list[str]:
    # A role or a client that asks for read-only says nothing about the server: only a setting of the server or of the
    # database counts.
    state = row(
        connection,
        """
        SELECT pg_is_in_recovery() AS in_recovery,
               EXISTS (SELECT FROM pg_settings WHERE name = 'default_transaction_read_only' AND setting = 'on'
                       AND source NOT IN ('user', 'database user', 'client', 'session'))
               OR EXISTS (SELECT FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase
                          WHERE s.setrole = 0 AND d.datname = current_database()
                          AND 'default_transaction_read_only=on' = ANY (s.setconfig)) AS read_only
        """,
    )
    faults: list[str] = []
    if state["in_recovery"]:
        faults.append("the server is in recovery: promote it, or wait until its recovery has ended")
    if state["read_only"] and not fenced:
        faults.append("the server takes no writes: default_transaction_read_only is on")
    if fenced and not state["read_only"]:
        faults.append("the database takes writes before it is proven: its fence is gone")
    return faults


IDENTITY = Check(run=check_identity)
