"""Prepare a database for recovery: the schema ``continuity``, its pulse, and the two roles that keep and read it.

The check of the files needs the extension amcheck, which RDS for PostgreSQL offers on every supported major
(https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-extensions.html) and lets members of
rds_superuser, the master user among them, add to a database
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html).
Whether they may also grant its functions to another role AWS does not say. A refusal of either is reported and stops
nothing: without amcheck that one check proves nothing and says so, while pulse and manifest work.
"""

import time
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Identifier

from recovery.database import Connection, row, rows
from recovery.heartbeat import HEARTBEAT_LOCK, Heartbeat, newest_heartbeat, write_heartbeat

HEARTBEAT_ROLE = "heartbeat"
VERIFIER_ROLE = "restore_verifier"

# RDS signs a member of this role in with IAM; other servers do not have it.
IAM_ROLE = "rds_iam"

# pg_read_all_data also reads tables made later; pg_monitor (RDS lets its master user grant that, and none of its parts)
# shows when other sessions' transactions began, which decides which rows of a manifest are settled. The verifier has no
# read-only default: it has no right to write anything, and a setting of its own would hide from it that the server
# takes no writes.
_MEMBERSHIPS = {HEARTBEAT_ROLE: (), VERIFIER_ROLE: ("pg_read_all_data", "pg_monitor")}

_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS continuity;
CREATE TABLE IF NOT EXISTS continuity.heartbeat (
    sequence bigint PRIMARY KEY,
    written_at timestamptz NOT NULL,
    previous_hash text NOT NULL,
    hash text NOT NULL
);
"""

# A writer says which epoch it holds, in the transaction it writes in, and is refused when another region's has begun.
_EPOCH = """
CREATE TABLE IF NOT EXISTS continuity.epoch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number bigint NOT NULL,
    region text NOT NULL,
    since timestamptz NOT NULL
);
CREATE OR REPLACE FUNCTION continuity.require_epoch(held bigint) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE current bigint := coalesce((SELECT number FROM continuity.epoch), 1);
BEGIN
    IF held <> current THEN
        RAISE EXCEPTION 'the writer holds epoch %, this database is of epoch %: connect anew', held, current
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
END $$;
"""

# What a look at the files executes: of each function the form with the most arguments that this version has.
_AMCHECK_FUNCTIONS = """
SELECT DISTINCT ON (p.proname) p.oid::regprocedure::text AS function,
       has_function_privilege(%(role)s, p.oid, 'EXECUTE') AS allowed
FROM pg_extension AS e JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
     AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
JOIN pg_proc AS p ON p.oid = d.objid
WHERE e.extname = 'amcheck' AND p.proname IN ('verify_heapam', 'bt_index_check', 'bt_index_parent_check',
                                              'gin_index_check')
ORDER BY p.proname, p.pronargs DESC
"""

# Roles belong to the whole cluster, while locks belong to one database: bootstraps of two databases can still meet in
# the catalogs, and the later one only has to look again.
_ATTEMPTS = 10
# No right to it; RDS's list of allowed extensions leaves it out; the server's packages do.
_REFUSALS = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.UndefinedFile,
    psycopg.errors.InvalidParameterValue,
)
_RACES = (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject, psycopg.errors.InternalError_)


@dataclass(frozen=True, kw_only=True)
class BootstrapReport:
    """What a bootstrap found and did; ``created`` is empty when everything was in place.

    ``refused`` is what the server would not let it do about amcheck, in words; the check of the files needs it.
    """

    database: str
    created: tuple[str, ...]
    refused: tuple[str, ...] = ()
    iam: bool
    heartbeat: Heartbeat


def bootstrap(connection: Connection) -> BootstrapReport:
    """Create what is missing and write the first heartbeat; safe to repeat, and safe when several run at once.

    The connection's role must own the database and hold CREATEROLE with ADMIN on pg_read_all_data,
    pg_monitor and, where it exists, rds_iam: RDS's master user does. Raises psycopg.Error.
    """
    created, refused = _create_despite_races(connection)
    facts = row(connection, "SELECT current_database() AS database, to_regrole(%s) IS NOT NULL AS iam", (IAM_ROLE,))
    newest = newest_heartbeat(connection)
    return BootstrapReport(
        database=facts["database"],
        created=created,
        refused=refused,
        iam=facts["iam"],
        heartbeat=newest or write_heartbeat(connection),
    )


def _create_despite_races(connection: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    for attempt in range(1, _ATTEMPTS):
        try:
            return _create(connection)
        except _RACES:
            time.sleep(0.05 * attempt)
    return _create(connection)


def _create(connection: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (HEARTBEAT_LOCK,))
        created = (*_create_pulse(connection), *_create_epoch(connection), *_create_roles(connection))
        added, refused = _add_amcheck(connection)
        return (*created, *added), refused


def _create_pulse(connection: Connection) -> list[str]:
    if row(connection, "SELECT to_regclass('continuity.heartbeat') IS NOT NULL AS present")["present"]:
        return []
    connection.execute(_SCHEMA)
    return ["table continuity.heartbeat"]


def _create_epoch(connection: Connection) -> list[str]:
    if row(connection, "SELECT to_regclass('continuity.epoch') IS NOT NULL AS present")["present"]:
        return []
    connection.execute(_EPOCH)
    return ["table continuity.epoch"]


def _create_roles(connection: Connection) -> list[str]:
    created: list[str] = []
    iam = row(connection, "SELECT to_regrole(%s) IS NOT NULL AS present", (IAM_ROLE,))["present"]
    for role, memberships in _MEMBERSHIPS.items():
        if not row(connection, "SELECT to_regrole(%s) IS NOT NULL AS present", (role,))["present"]:
            connection.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(role)))
            created.append(f"role {role}")
        for group in (*memberships, *((IAM_ROLE,) if iam else ())):
            if not row(connection, "SELECT pg_has_role(%s, %s, 'MEMBER') AS member", (role, group))["member"]:
                connection.execute(SQL("GRANT {} TO {}").format(Identifier(group), Identifier(role)))
                created.append(f"membership of {role} in {group}")
        created += _let_in(connection, role)
    return created


def _let_in(connection: Connection, role: str) -> list[str]:
    granted: list[str] = []
    facts = row(
        connection,
        "SELECT current_database() AS database, has_database_privilege(%(role)s, current_database(), 'CONNECT')"
        " AS may_connect, has_schema_privilege(%(role)s, 'continuity', 'USAGE') AS may_use,"
        " has_table_privilege(%(role)s, 'continuity.heartbeat', 'SELECT') AS may_read,"
        " has_table_privilege(%(role)s, 'continuity.heartbeat', 'INSERT') AS may_write",
        {"role": role},
    )
    name = Identifier(role)
    if not facts["may_connect"]:
        connection.execute(SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(facts["database"]), name))
        granted.append(f"connection of {role}")
    if not (facts["may_use"] and facts["may_read"]):
        connection.execute(SQL("GRANT USAGE ON SCHEMA continuity TO {}").format(name))
        connection.execute(SQL("GRANT SELECT ON continuity.heartbeat TO {}").format(name))
        granted.append(f"reading of the pulse by {role}")
    if role == HEARTBEAT_ROLE and not facts["may_write"]:
        connection.execute(SQL("GRANT INSERT ON continuity.heartbeat TO {}").format(name))
        granted.append(f"writing of the pulse by {role}")
    return granted


def _add_amcheck(connection: Connection) -> tuple[list[str], tuple[str, ...]]:
    """What was added, and what was refused."""
    added: list[str] = []
    try:
        if not row(connection, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'amcheck') AS found")["found"]:
            with connection.transaction():
                connection.execute("CREATE EXTENSION amcheck SCHEMA continuity")
            added.append("extension amcheck")
        granted: list[str] = []
        with connection.transaction():
            for each in rows(connection, _AMCHECK_FUNCTIONS, {"role": VERIFIER_ROLE}):
                if not each["allowed"]:
                    connection.execute(f"GRANT EXECUTE ON FUNCTION {each['function']} TO {VERIFIER_ROLE}".encode())
                    granted.append(f"execution of {each['function']} by {VERIFIER_ROLE}")
    except _REFUSALS as error:
        return added, (f"amcheck for {VERIFIER_ROLE}: {error.diag.message_primary}",)
    # A grant that its maker has no right to make is only a warning to PostgreSQL.
    missing = [
        each["function"]
        for each in rows(connection, _AMCHECK_FUNCTIONS, {"role": VERIFIER_ROLE})
        if not each["allowed"]
    ]
    if missing:
        return added, (f"amcheck for {VERIFIER_ROLE}: no right to grant {', '.join(missing)}",)
    return [*added, *granted], ()
