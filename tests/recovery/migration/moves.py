"""What the tests of a move do again and again, and what a migration would leave behind."""

from collections.abc import Callable
from typing import TypeVar

from recovery.migration.cutting_over import Cutover, cut_over
from recovery.migration.ends import Ends, open_ends
from recovery.migration.starting import start
from recovery.migration.tools import run_tool
from tests.recovery.migration.conftest import Databases

LEFT = """
SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE database = current_database()
UNION ALL SELECT 'publication ' || pubname FROM pg_publication
UNION ALL SELECT 'subscription ' || subname FROM pg_subscription
          WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE 'continuity%'
UNION ALL SELECT 'trigger on ' || tgrelid::regclass FROM pg_trigger WHERE tgname LIKE 'continuity%'
UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname = 'continuity'
UNION ALL SELECT unnest(setconfig) FROM pg_db_role_setting
          WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

Result = TypeVar("Result")


def moved(databases: Databases, work: Callable[[Ends], Result]) -> Result:
    with open_ends(databases.source, databases.target) as ends:
        return work(ends)


def started(databases: Databases) -> None:
    moved(databases, start)


def cut(databases: Databases, seconds: float = 10) -> Cutover:
    return moved(databases, lambda ends: cut_over(ends, max_pause_seconds=seconds))


def swapped(databases: Databases) -> Databases:
    return Databases(databases.target, databases.source)


def schema_of(dsn: str) -> str:
    text = run_tool("pg_dump", "--schema-only", dsn=dsn)
    return "\n".join(line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))
