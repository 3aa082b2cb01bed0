"""The schema, by ``pg_dump`` and ``pg_restore``: what rows need before the copy, the rest after it.

Before the copy come the tables and, alone among the indexes, those that tell rows apart: the copy of a table ends with
the changes that came meanwhile, and an update without that index would search the whole table. Everything else, other
indexes, foreign keys, triggers, comes once the rows are there.
"""

import tempfile
from pathlib import Path

from recovery.database import Connection, rows
from recovery.migration.ends import Ends
from recovery.migration.fence import TRIGGER
from recovery.migration.tools import run_tool, write_list

# An entry of a dump's list names the catalog and the object: "3456; 2606 16404 CONSTRAINT public users users_pkey app".
_IDENTITIES = """
SELECT '1259 ' || i.indexrelid AS entry FROM pg_index AS i WHERE i.indisprimary OR i.indisreplident
UNION ALL
SELECT '2606 ' || k.oid FROM pg_constraint AS k JOIN pg_index AS i ON i.indexrelid = k.conindid
WHERE k.contype IN ('p', 'u', 'x') AND (i.indisprimary OR i.indisreplident)
"""
_ATTACHED = """
SELECT n.nspname || ' ' || c.relname || ' ' AS entry
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indisprimary AND c.relispartition
"""


def copy_schema_before(ends: Ends) -> None:
    """Make schemas, types, functions, tables and the indexes that tell rows apart, in one transaction or not at all.

    Raises :class:`recovery.migration.tools.ToolError`.
    """
    with tempfile.TemporaryDirectory(prefix="continuity-") as name:
        archive = _dump(ends, Path(name), "pre-data", "post-data")
        first, _ = _parts(ends.source.connection, archive)
        _restore(ends, archive, first)


def copy_schema_after(ends: Ends) -> None:
    """Make everything that can wait for the rows, in one transaction or not at all. Raises as the other does."""
    with tempfile.TemporaryDirectory(prefix="continuity-") as name:
        archive = _dump(ends, Path(name), "pre-data", "post-data")
        _, rest = _parts(ends.source.connection, archive)
        _restore(ends, archive, rest)


def _dump(ends: Ends, folder: Path, *_sections: str) -> Path:
    archive = folder / "schema"
    run_tool(
        "pg_dump",
        *("--format", "custom", "--schema-only", "--no-publications", "--no-subscriptions"),
        *("--exclude-table", "continuity.migration", "--lock-wait-timeout", "10s", "--file", str(archive)),
        dsn=ends.source.dsn,
    )
    return archive


def _parts(source: Connection, archive: Path) -> tuple[list[str], list[str]]:
    """The entries of the archive that come before the rows, and those that come after."""
    before = run_tool("pg_restore", "--list", "--section", "pre-data", str(archive)).splitlines()
    after = run_tool("pg_restore", "--list", "--section", "post-data", str(archive)).splitlines()
    identities = {each["entry"] for each in rows(source, _IDENTITIES)}
    attached = tuple(f"INDEX ATTACH {each['entry']}" for each in rows(source, _ATTACHED))
    first = [line for line in before if not _is_ours(line)]
    for line in list(after):
        entry = _entry(line)
        if " ".join(entry.split(" ")[:2]) in identities or entry.split(" ", 2)[-1].startswith(attached or ("\n",)):
            first.append(line)
            after.remove(line)
    return first, [line for line in after if not _is_ours(line)]


def _entry(line: str) -> str:
    """What follows the number of an entry; of a comment nothing that could be one."""
    return "" if line.startswith(";") else line.partition("; ")[2]


def _is_ours(line: str) -> bool:
    # The schema continuity is there since the migration's state is.
    words = _entry(line)
    return " SCHEMA - continuity " in words or f" {TRIGGER} " in words or " FUNCTION continuity refuse_writes" in words


def _restore(ends: Ends, archive: Path, entries: list[str]) -> None:
    if not any(map(_entry, entries)):
        return
    run_tool(
        "pg_restore",
        *("--exit-on-error", "--single-transaction", "--use-list", str(write_list(archive.parent, entries))),
        str(archive),
        dsn=ends.target.dsn,
    )
