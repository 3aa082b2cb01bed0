"""Publication, role, slots and subscription: what logical replication is set up with, made and taken away.

Every step looks first whether it has been done, so that it can be repeated after any crash.
"""

import secrets
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from recovery.database import Connection, row, rows, set_statement_timeout
from recovery.migration.ends import End
from recovery.migration.tables import moved_tables, named
from recovery.refusal import RefusedError

PUBLICATION = "continuity_migration"
ROLE = "continuity_migration"
# Of the whole server, which other migrations may share: the names of slots have the database in them.
SLOT_PREFIX = "continuity_move_"
CHANGES_PREFIX = "continuity_changes_"
PATIENCE_SECONDS = 30.0
SLOT_PATIENCE_SECONDS = 60.0


def slot_name(migration: str) -> str:
    """The slot that the subscription reads."""
    return f"{SLOT_PREFIX}{migration}"


def changes_slot_name(migration: str) -> str:
    """The slot that says what changed since the last verification."""
    return f"{CHANGES_PREFIX}{migration}"


def publish(end: End) -> None:
    """Publish every table that moves, partitions through their parents."""
    if rows(end.connection, "SELECT 1 FROM pg_publication WHERE pubname = %s", (PUBLICATION,)):
        return
    tables = [each for each in moved_tables(end.connection) if not each.part]
    what = SQL("FOR TABLE {}").format(named(tables)) if tables else SQL("")
    end.connection.execute(
        SQL("CREATE PUBLICATION {} {} WITH (publish_via_partition_root = true)").format(Identifier(PUBLICATION), what)
    )


def role_for(end: End, migration: str) -> str:
    """Give the role that the other server signs in with a new password; the connection string for it.

    It may read and replicate, and is this migration's own, so that no subscription holds the password of an owner.
    """
    connection, name, password = end.connection, Identifier(f"{ROLE}_{migration}"), secrets.token_urlsafe(24)
    facts = row(
        connection,
        "SELECT to_regrole(%s) IS NOT NULL AS present, to_regrole('rds_replication') IS NOT NULL AS rds,"
        " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super",
        (name.as_string(connection),),
    )
    rights = "" if facts["rds"] else " REPLICATION" + (" BYPASSRLS" if facts["super"] else "")
    with connection.transaction():
        verb = SQL("ALTER" if facts["present"] else "CREATE")
        connection.execute(
            SQL("{} ROLE {} LOGIN{} PASSWORD {}").format(verb, name, SQL(rights), Literal(_scram(connection, password)))
        )
        connection.execute(SQL("GRANT pg_read_all_data TO {}").format(name))
        if facts["rds"]:
            connection.execute(SQL("GRANT rds_replication TO {}").format(name))
    parameters = dict(conninfo_to_dict(end.dsn)) | {"user": f"{ROLE}_{migration}", "password": password}
    for ours in ("application_name", "options", "passfile"):
        parameters.pop(ours, None)
    return make_conninfo("", **parameters, connect_timeout=10)


def _scram(connection: Connection, password: str) -> str:
    """The password as the server keeps it, so that it never sees the plain one."""
    encrypted = connection.pgconn.encrypt_password(password.encode(), b"", b"scram-sha-256")
    return encrypted.decode()


def make_slot(end: End, name: str) -> None:
    """Make a logical slot, which waits for the transactions that are writing now.

    Raises :class:`RefusedError` when these do not end within SLOT_PATIENCE_SECONDS, or psycopg.Error.
    """
    connection = end.connection
    if rows(connection, "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (name,)):
        return
    set_statement_timeout(connection, SLOT_PATIENCE_SECONDS)
    try:
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))
    except psycopg.errors.QueryCanceled:
        raise RefusedError(
            f"expected the transactions that write to {end.place} to end within {SLOT_PATIENCE_SECONDS:g} s, found one"
            " that did not: end long transactions (pg_stat_activity shows them), and ask again"
        ) from None
    finally:
        connection.execute("RESET statement_timeout")


def subscribe(
    connection: Connection, end: End, publisher: str, migration: str, *, copy: bool, enabled: bool = True
) -> None:
    """Follow the publication at ``publisher``, through the slot that is there. Raises psycopg.Error."""
    if subscription_of(end, migration) is not None:
        return
    with _unlogged(connection):
        connection.execute(
            SQL("CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH ({})").format(
                Identifier(slot_name(migration)),
                Literal(publisher),
                Identifier(PUBLICATION),
                SQL("create_slot = false, slot_name = {}, copy_data = {}, enabled = {}").format(
                    Literal(slot_name(migration)), Literal(copy), Literal(enabled)
                ),
            )
        )


@contextmanager
def _unlogged(connection: Connection) -> Generator[None]:
    """Keep statements that have a password in them out of the server's log, where the role may."""
    quiet = {"log_statement": "none", "log_min_error_statement": "panic", "log_min_duration_statement": "-1"}
    with suppress(psycopg.errors.InsufficientPrivilege):
        for name, value in quiet.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    try:
        yield
    finally:
        for name in quiet:
            with suppress(psycopg.errors.InsufficientPrivilege):
                connection.execute(SQL("RESET {}").format(Identifier(name)))


def subscription_of(end: End, migration: str) -> int | None:
    """The subscription's number; None where there is none."""
    found = rows(
        end.connection,
        "SELECT oid::bigint AS oid FROM pg_subscription WHERE subname = %s AND subdbid ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())",
        (slot_name(migration),),
    )
    return found[0]["oid"] if found else None


def wake(end: End, migration: str) -> None:
    """Have a subscription that is enabled followed now, not when the server looks for it again.

    A worker that dies while its server still waits for it to begin, as after a crash of the other one, may be forgotten
    for the three minutes of the launcher's nap. Enabling what is enabled changes nothing, and wakes it.
    """
    name = slot_name(migration)
    if rows(end.connection, "SELECT 1 FROM pg_subscription WHERE subname = %s AND subenabled", (name,)):
        end.connection.execute(SQL("ALTER SUBSCRIPTION {} ENABLE").format(Identifier(name)))


def unsubscribe(connection: Connection, migration: str) -> None:
    """Stop following, and leave the slot to :func:`drop_slots`: its server need not answer."""
    name = Identifier(slot_name(migration))
    if rows(
        connection,
        "SELECT 1 FROM pg_subscription WHERE subname = %s AND subdbid = (SELECT oid FROM pg_database"
        " WHERE datname = current_database())",
        (slot_name(migration),),
    ):
        connection.execute(SQL("ALTER SUBSCRIPTION {} DISABLE").format(name))
        connection.execute(SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(name))
        connection.execute(SQL("DROP SUBSCRIPTION {}").format(name))


def drop_slots(connection: Connection, patterns: list[str]) -> None:
    """Drop this database's slots of names like these, whoever still reads them. Raises psycopg.Error."""

    def dropped() -> bool:
        found = rows(
            connection,
            "SELECT slot_name AS name, active_pid AS pid FROM pg_replication_slots"
            " WHERE slot_name LIKE ANY(%s) AND database = current_database()",
            (patterns,),
        )
        for each in found:
            if each["pid"] is not None:
                connection.execute("SELECT pg_terminate_backend(%s)", (each["pid"],))
                continue
            try:
                connection.execute("SELECT pg_drop_replication_slot(%s)", (each["name"],))
            except (psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):
                continue  # somebody came, or it was gone first
        return not found

    wait_until(dropped, "the slots to be free", seconds=PATIENCE_SECONDS)


def unpublish(end: End) -> None:
    """Take the publication away."""
    end.connection.execute(SQL("DROP PUBLICATION IF EXISTS {}").format(Identifier(PUBLICATION)))


def drop_role(end: End, migration: str) -> None:
    """Take the role away that the other server signed in with."""
    if has_role(end, migration):
        end.connection.execute(SQL("DROP ROLE {}").format(Identifier(f"{ROLE}_{migration}")))


def has_role(end: End, migration: str) -> bool:
    """Whether that role is there."""
    return bool(rows(end.connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", (f"{ROLE}_{migration}",)))


def as_like(name: str) -> str:
    """A name as a pattern of LIKE that only it fits."""
    return name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")


def wait_until(done: Callable[[], bool], what: str, *, seconds: float, pause_seconds: float = 0.05) -> None:
    """Look until it is so. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}, and it did not come")
        time.sleep(pause_seconds)
