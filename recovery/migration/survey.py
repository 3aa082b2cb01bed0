"""What one end is like, as far as a migration asks. Every question is one query, and changes nothing."""

import psycopg
from psycopg.sql import SQL
from pydantic import BaseModel, ConfigDict

from recovery.database import Connection, Row, row, rows
from recovery.migration.ends import End
from recovery.migration.state import Migration, read_migration
from recovery.migration.tables import MOVED, moved_tables

_SETTINGS = (
    "wal_level",
    "max_replication_slots",
    "max_wal_senders",
    "max_logical_replication_workers",
    "max_sync_workers_per_subscription",
    "max_worker_processes",
    "max_slot_wal_keep_size",
)

_DATABASE = """
SELECT pg_encoding_to_char(encoding) AS encoding, datcollate AS collate, datctype AS ctype,
       pg_database_size(oid) AS bytes, current_user AS role,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
       coalesce(pg_has_role(to_regrole('rds_superuser'), 'MEMBER'), false) AS rds,
       pg_has_role(datdba, 'MEMBER') AS owner,
       has_function_privilege('pg_replication_origin_advance(text, pg_lsn)', 'EXECUTE') AS origins,
       to_regrole('rds_replication') IS NOT NULL AS rds_replication
FROM pg_database WHERE datname = current_database()
"""

# Every question answers names, one a row.
_NAMES = {
    "without_identity": """
SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND {moved}
  AND NOT (c.relreplident = 'f'
           OR c.relreplident = 'd' AND EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)
           OR c.relreplident = 'i' AND EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisreplident))
""",
    "identity_full": """
SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND {moved} AND c.relreplident = 'f'
""",
    "unlogged": """
SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND n.nspname !~ '^pg_'
""",
    "sequences": """
SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND {moved}
""",
    "materialized_views": """
SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND {moved}
""",
    "foreign_tables": """
SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'f' AND {moved}
""",
    "generated": """
SELECT format('%s.%I', c.oid::regclass, a.attname) AS name
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND {moved} AND a.attgenerated <> '' AND NOT a.attisdropped
""",
    "triggers": """
SELECT format('%I on %s', t.tgname, c.oid::regclass) AS name
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgenabled IN ('A', 'R') AND {moved}
""",
    "event_triggers": "SELECT evtname AS name FROM pg_event_trigger WHERE evtenabled <> 'D' AND evtowner > 16383",
    "row_security": """
SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND {moved} AND c.relrowsecurity
""",
    "not_owned": """
SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND {moved} AND NOT pg_has_role(c.relowner, 'USAGE')
""",
    "roles": """
SELECT DISTINCT r.rolname AS name FROM pg_shdepend AS d JOIN pg_roles AS r ON r.oid = d.refobjid
WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype IN ('o', 'a', 'r')
  AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
  AND (d.dbid <> 0 OR d.classid = 'pg_database'::regclass
       AND d.objid = (SELECT oid FROM pg_database WHERE datname = current_database()))
UNION  -- what the server's first role owns stands in no such list
SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f') AND {moved}
""",
    "all_roles": "SELECT rolname AS name FROM pg_roles",
    "extensions": "SELECT extname AS name FROM pg_extension WHERE extname <> 'plpgsql'",
    "available_extensions": "SELECT name FROM pg_available_extensions",
    "objects": """
SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f') AND {moved} LIMIT 20
""",
    "prepared": "SELECT gid AS name FROM pg_prepared_xacts WHERE database = current_database()",
    "long_transactions": """
SELECT format('process %s for %s s', pid, extract(epoch FROM clock_timestamp() - xact_start)::int) AS name
FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
AND backend_xid IS NOT NULL AND xact_start < clock_timestamp() - interval '10 seconds'
""",
}

_USED = """
SELECT (SELECT count(*) FROM pg_replication_slots) AS slots, (SELECT count(*) FROM pg_stat_replication) AS senders,
       (SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL) AS workers,
       (SELECT count(*) FROM pg_largeobject_metadata) AS large_objects
"""


class Survey(BaseModel):
    """One end. Sizes are in bytes; ``names`` are the answers to the questions above, by their name."""

    model_config = ConfigDict(frozen=True)

    major: int
    version: str
    settings: dict[str, str]
    encoding: str
    collate: str
    ctype: str
    bytes: int
    role: str
    superuser: bool
    rds: bool
    owner: bool
    origins: bool
    rds_replication: bool
    slots: int
    senders: int
    workers: int
    large_objects: int
    collation_version: str | None
    names: dict[str, tuple[str, ...]]
    table_bytes: dict[str, int]
    migration: Migration | None

    def number(self, setting: str) -> int:
        """A setting that is a number."""
        return int(self.settings[setting])


def survey(end: End) -> Survey:
    """Look at one end. Raises psycopg.Error."""
    connection = end.connection
    settings = {
        name: row(connection, "SELECT setting FROM pg_settings WHERE name = %s", (name,))["setting"]
        for name in _SETTINGS
    }
    return Survey(
        major=end.major,
        version=row(connection, "SELECT current_setting('server_version') AS version")["version"],
        settings=settings,
        collation_version=_collation_version(connection),
        names={name: _names(connection, name) for name in _NAMES},
        table_bytes={each.label: each.bytes for each in moved_tables(connection)},
        migration=_migration(connection),
        **row(connection, _DATABASE),
        **row(connection, _USED),
    )


def _names(connection: Connection, question: str) -> tuple[str, ...]:
    query = SQL(_NAMES[question]).format(moved=MOVED)  # pyright: ignore[reportArgumentType]
    found: list[Row] = rows(connection, query)
    return tuple(sorted(each["name"] for each in found))


def _collation_version(connection: Connection) -> str | None:
    """The version of the rules that the database's collation sorts by now; None where the server cannot tell."""
    if connection.info.server_version < 150_000:
        return None
    return row(
        connection,
        "SELECT pg_database_collation_actual_version(oid) AS version FROM pg_database"
        " WHERE datname = current_database()",
    )["version"]


def _migration(connection: Connection) -> Migration | None:
    try:
        return read_migration(connection)
    except psycopg.errors.InsufficientPrivilege:
        return None
