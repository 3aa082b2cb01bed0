"""Are the files sound: does every page hold what it says, and every index what its table holds?

amcheck reads every heap, its TOAST and every B-tree, those of the system catalogs too. What of it takes no more than
the lock of a SELECT is used everywhere. The check of a B-tree's parents against their children locks writers out; it
is used only where nobody writes, which is known of a restored instance and not of whatever ``dr verify`` is pointed at.
"""

from collections.abc import Callable, Mapping, Sequence

import psycopg
from psycopg.sql import Composable

from recovery.checks.amcheck import Amcheck, AmcheckMissingError
from recovery.checks.findings import Findings, concluding
from recovery.checks.outcome import Check, CheckContext, Outcome, Part, counted
from recovery.checks.packing import Item, Range, blocks, oids, pack
from recovery.database import Connection, Row, row, rows
from recovery.manifest import read_database

# An autovacuum that is in a lock's way is cancelled after deadlock_timeout, one second unless somebody changed it.
_LOCK_TIMEOUT = "10s"
_MESSAGES_SHOWN = 3

# What PostgreSQL answers when it meets damage, rather than when it refuses to look.
DAMAGE = (
    psycopg.errors.DataCorrupted,
    psycopg.errors.IndexCorrupted,
    psycopg.errors.UndefinedFile,
    psycopg.errors.IoError,
    psycopg.errors.InternalError_,
)

_RELATIONS = """
SELECT CASE WHEN c.relkind <> 'i' THEN 'heap' ELSE a.amname END AS kind, c.oid::bigint AS oid,
       c.oid::regclass::text AS label, pg_relation_size(c.oid) AS size
FROM pg_class AS c LEFT JOIN pg_am AS a ON a.oid = c.relam LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
WHERE c.relpersistence <> 't'
  AND (c.relkind IN ('r', 't', 'm') AND a.amname = 'heap'
       -- a sequence is a heap of one row, which amcheck reads since PostgreSQL 15
       OR c.relkind = 'S' AND current_setting('server_version_num')::int >= 150000
       OR c.relkind = 'i' AND a.amname = ANY (%s) AND i.indisvalid AND i.indisready AND i.indislive)
ORDER BY c.relnamespace, label
"""

_UNCOVERED = """
SELECT a.amname AS method, CASE WHEN c.relkind = 'i' THEN 'index' ELSE 'table' END AS kind, count(*) AS count
FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam
WHERE c.relkind IN ('i', 'r', 't', 'm') AND c.relpersistence <> 't' AND a.amname <> ALL (%s) GROUP BY 1, 2 ORDER BY 1
"""

_INVALID = """
SELECT i.indexrelid::regclass::text AS label, i.indrelid::regclass::text AS of_table
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND c.relpersistence <> 't' ORDER BY 1
"""


def divide(connection: Connection, _context: CheckContext) -> Sequence[Part]:
    """One part for the indexes' own state, and parts for the relations."""
    survey = Part(check="storage", label="validity of indexes")
    try:
        methods = Amcheck(connection).index_methods
    except AmcheckMissingError:
        return [survey, Part(check="storage", label="amcheck", arguments={"heap": []})]
    items = [Item(**each, divisible=each["kind"] == "heap") for each in rows(connection, _RELATIONS, (methods,))]
    return [survey, *pack(connection, "storage", items)]


def check_storage(connection: Connection, context: CheckContext, part: Part) -> Outcome:
    """Look at the relations of a part. Raises :class:`AmcheckMissingError`."""
    findings = Findings()
    if not part.arguments:
        _survey(connection, findings)
        return findings.outcome("no index is invalid")
    amcheck = Amcheck(connection)
    extent = blocks(part)
    names = {each["oid"]: each for each in _relations(connection, context, part)}
    for kind, look in _LOOKS.items():
        sound = _sound(connection, amcheck, kind, [names[oid] for oid in oids(part, kind) if oid in names], context)
        for oid in oids(part, kind):
            if oid in sound:
                findings.counts[_COUNTS[kind]] += 1
                continue
            if oid not in names:
                findings.faults.append(f"relation {oid} went away while it was checked: somebody writes to the copy")
                continue
            context.progress(names[oid]["label"])
            faults = look(connection, amcheck, names[oid], extent, context)
            findings.faults += [f"{_NOUNS[kind]} {names[oid]['label']}: {fault}" for fault in faults]
            findings.counts[_COUNTS[kind]] += 1
    return findings.outcome(_describe(findings.counts))


def _relations(connection: Connection, context: CheckContext, part: Part) -> list[Row]:
    """What is known of the relations of a part; ``least`` are the blocks that the rows take that were counted in it.

    VACUUM and ANALYZE count, and nothing but VACUUM shortens a file, which counts again. They count blocks too, but
    empty ones at a file's end come without a log record: a restore does not have them. A logical copy may have brought
    along the counts of other files.
    """
    identifier = read_database(connection).system_identifier
    physical = identifier is not None and identifier == context.manifest.database.system_identifier
    return rows(
        connection,
        "SELECT oid::bigint, oid::regclass::text AS label, relnamespace = 'pg_catalog'::regnamespace AS system,"
        " pg_relation_size(oid) / current_setting('block_size')::int AS blocks,"
        # A page has a header of 24 bytes, and a row takes 28 at least: its own header and a line pointer.
        " reltuples::bigint AS counted, CASE WHEN %s AND reltuples > 0"
        " THEN ceil(reltuples / ((current_setting('block_size')::int - 24) / 28))::bigint ELSE 0 END AS least"
        " FROM pg_class WHERE oid = ANY (%s)",
        (physical, oids(part, "heap") + oids(part, "btree") + oids(part, "gin")),
    )


def _sound(
    connection: Connection, amcheck: Amcheck, kind: str, relations: Sequence[Row], context: CheckContext
) -> frozenset[int]:
    """Those that one statement finds sound; of the others it says nothing yet.

    A database has hundreds of small relations, the catalogs most of all: a statement each would take longer to send
    than to answer.
    """
    if kind == "heap":
        asked = [each["oid"] for each in relations if each["blocks"] >= max(each["least"], 1)]
        query = amcheck.heaps()
    elif kind == "btree":
        asked = [each["oid"] for each in relations if not _quiet(each, context)]
        query = amcheck.btrees()
    else:
        return frozenset()
    if len(asked) < 2:
        return frozenset()
    try:
        with connection.transaction():
            found = rows(connection, query, {"oids": asked})
    except DAMAGE:
        return frozenset()
    return frozenset(asked) - {each["oid"] for each in found if kind == "heap"}


def _quiet(index: Row, context: CheckContext) -> bool:
    # The catalogs' locks are left alone even on a copy: signing in would wait for them.
    return context.restore_started_at is not None and not index["system"]


def _survey(connection: Connection, findings: Findings) -> None:
    for index in rows(connection, _INVALID):
        findings.faults.append(
            f"index {index['label']} of {index['of_table']} is invalid: REINDEX INDEX CONCURRENTLY builds it anew"
        )
    try:
        covered = ["heap", *Amcheck(connection).index_methods]
    except AmcheckMissingError:  # the part that needs it says so
        return
    uncovered = rows(connection, _UNCOVERED, (covered,))
    if uncovered:
        kinds = ", ".join(f"{each['kind']} of type {each['method']} ({each['count']})" for each in uncovered)
        findings.notes.append(f"amcheck does not cover: {kinds}")


def _look_at_heap(
    connection: Connection, amcheck: Amcheck, relation: Row, extent: Range, _context: CheckContext
) -> list[str]:
    if relation["blocks"] < relation["least"]:
        return [
            f"has {relation['blocks']} blocks, too few for the {relation['counted']} rows that were counted in it last:"
            " it was cut"
        ]
    if extent.first >= relation["blocks"]:  # empty, or vacuumed away since the parts were planned
        return []
    end = None if extent.end is None else min(extent.end, relation["blocks"])
    try:
        with connection.transaction():
            found = rows(connection, amcheck.heap(relation["oid"], Range(first=extent.first, end=end)))
    except DAMAGE as error:
        return [_message(error)]
    return [f"block {each['blkno']}, row {each['offnum']}: {each['msg']}" for each in found[:_MESSAGES_SHOWN]]


def _look_at_btree(
    connection: Connection, amcheck: Amcheck, relation: Row, _extent: Range, context: CheckContext
) -> list[str]:
    if _quiet(relation, context):
        try:
            return _damage(connection, amcheck.btree(relation["oid"], parents=True), lock_timeout=_LOCK_TIMEOUT)
        except psycopg.errors.LockNotAvailable:  # somebody is at it after all, for one a vacuum that may not be stopped
            pass
    return _damage(connection, amcheck.btree(relation["oid"], parents=False))


def _look_at_gin(
    connection: Connection, amcheck: Amcheck, relation: Row, _extent: Range, _context: CheckContext
) -> list[str]:
    return _damage(connection, amcheck.gin(relation["oid"]))


def _damage(connection: Connection, query: Composable, *, lock_timeout: str = "0") -> list[str]:
    try:
        with connection.transaction():
            row(connection, "SELECT set_config('lock_timeout', %s, true)", (lock_timeout,))
            rows(connection, query)
    except DAMAGE as error:
        return [_message(error)]
    return []


def _message(error: psycopg.Error) -> str:
    return " ".join((error.diag.message_primary or str(error)).split())


def _describe(counts: Mapping[str, int]) -> str:
    looked_at = ", ".join(counted(counts[name], _NOUNS[kind]) for kind, name in _COUNTS.items() if counts.get(name))
    return f"no damage in {looked_at}; no index is invalid" if looked_at else "no index is invalid"


_Look = Callable[[Connection, Amcheck, Row, Range, CheckContext], list[str]]
_LOOKS: dict[str, _Look] = {"heap": _look_at_heap, "btree": _look_at_btree, "gin": _look_at_gin}
_NOUNS = {"heap": "table", "btree": "B-tree", "gin": "GIN tree"}
_COUNTS = {"heap": "tables", "btree": "btrees", "gin": "gin_trees"}

STORAGE = Check(run=check_storage, parts=divide, conclude=concluding(_describe))
