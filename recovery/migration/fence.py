"""Which end takes writes: the freeze of a cutover, and the fence of the end that does not serve.

A freeze is one transaction that locks every table against writers and puts a trigger on each. Writers wait; what was
under way ends first. Committed, it is a fence: whoever waited, and whoever comes, is refused by the trigger, whatever
their session sets. Rolled back, by us, by the server after its time-out or because we died, nothing ever happened.

Triggers of the ordinary kind do not fire for logical replication, so that the fenced end goes on following
(https://www.postgresql.org/docs/current/logical-replication-architecture.html). Besides, the database becomes read-only
by default: new sessions see it, and libpq's target_session_attrs=read-write finds the end that serves by it.
"""

import time

import psycopg
from psycopg.sql import SQL, Identifier

from recovery.database import Connection, row
from recovery.migration.ends import End
from recovery.migration.tables import fenced_tables

TRIGGER = "continuity_fence"
# How long one attempt to lock waits for one table: shorter than the server's deadlock_timeout, a second by default.
ATTEMPT_MILLISECONDS = 100
_SETTING = "default_transaction_read_only"

_FUNCTION = """
CREATE OR REPLACE FUNCTION continuity.refuse_writes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
DECLARE message text := (SELECT fence_message FROM continuity.migration WHERE fenced);
BEGIN
    IF message IS NOT NULL THEN
        RAISE EXCEPTION '%', message USING ERRCODE = 'read_only_sql_transaction';
    END IF;
    RETURN NULL;
END $$
"""

# Sessions that began before the setting was committed do not have it. A superuser's (RDS's own) are not ours to end.
_END_SESSIONS = """
SELECT count(pg_terminate_backend(a.pid)) AS ended
FROM pg_stat_activity AS a JOIN pg_roles AS r ON r.oid = a.usesysid
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
  AND a.application_name <> %s AND (NOT r.rolsuper OR a.usesysid = current_user::regrole)
"""


def lock_tables(connection: Connection, *, seconds: float) -> None:
    """In the transaction that is open: wait for the writers under way, and let no other begin. Readers go on.

    A writer that holds one table may want another that we hold. Whoever waits longer than an attempt lets go of
    everything, long before the server would look for a deadlock and end somebody's transaction, and begins the next
    attempt with the table it waited for: so it finds the order that the application locks in.

    Raises psycopg.errors.LockNotAvailable after ``seconds``.
    """
    tables = fenced_tables(connection)
    deadline = time.monotonic() + seconds
    while True:
        waited_for = None
        try:
            with connection.transaction():
                connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{ATTEMPT_MILLISECONDS}",))
                for waited_for in tables:
                    connection.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(waited_for.identifier))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if time.monotonic() > deadline or waited_for is None:
                raise
            tables.remove(waited_for)
            tables.insert(0, waited_for)
        else:
            return


def put_triggers(connection: Connection) -> None:
    """Put the trigger on every table. It lets everything pass until the end is fenced."""
    connection.execute(_FUNCTION)
    for table in fenced_tables(connection):
        connection.execute(
            SQL(
                "CREATE OR REPLACE TRIGGER {} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {}"
                " FOR EACH STATEMENT EXECUTE FUNCTION continuity.refuse_writes()"
            ).format(Identifier(TRIGGER), table.identifier)
        )


def fence(end: End, connection: Connection, message: str) -> None:
    """Refuse every writer with ``message`` from the commit on."""
    connection.execute("UPDATE continuity.migration SET fenced = true, fence_message = %s", (message,))
    connection.execute(SQL("ALTER DATABASE {} SET {} = on").format(Identifier(end.database), SQL(_SETTING)))


def release_in(end: End, connection: Connection) -> None:
    """Let everybody write from the commit on. Waits for nobody: the triggers stay, and let everything pass."""
    connection.execute("UPDATE continuity.migration SET fenced = false, fence_message = NULL")
    connection.execute(SQL("ALTER DATABASE {} RESET {}").format(Identifier(end.database), SQL(_SETTING)))


def end_sessions(connection: Connection, *, but: str) -> int:
    """End the sessions of clients, but those of the application ``but``, so that they connect anew; how many."""
    return row(connection, _END_SESSIONS, (but,))["ended"]


def remove_triggers(connection: Connection) -> None:
    """Take the triggers and their function away."""
    for table in fenced_tables(connection):
        connection.execute(SQL("DROP TRIGGER IF EXISTS {} ON {}").format(Identifier(TRIGGER), table.identifier))
    connection.execute("DROP FUNCTION IF EXISTS continuity.refuse_writes()")
