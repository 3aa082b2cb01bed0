"""Are the files sound: does every page hold what it says, and every index what its table holds?

amcheck reads every heap, its TOAST and every B-tree, those of the system catalogs too. What of it takes no more than
the lock of a SELECT is used everywhere. The check of a B-tree's parents against their children locks writers out; it
is used only where nobody writes, which is known of a restored instance and not of whatever ``dr verify`` is pointed at.
"""

from collections.abc import Callable, Mapping, Sequence

import psycopg
from psycopg.sql import SQL, Composable, Identifier, Literal

from recovery.checks.findings import Findings, concluding
from recovery.checks.outcome import Check, CheckContext, Outcome, Part, counted
from recovery.checks.packing import Item, Range, blocks, oids, pack
from recovery.database import Connection, Row, row, rows

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
FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
WHERE c.relpersistence <> 't'
  AND (c.relkind IN ('r', 't', 'm') AND a.amname = 'heap'
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

_AMCHECK = """
SELECT n.nspname AS schema, p.proname AS name, p.pronargs AS arguments, e.extversion AS version,
       has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE') AS usable
FROM pg_extension AS e JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
     AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
JOIN pg_proc AS p ON p.oid = d.objid JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE e.extname = 'amcheck' AND p.proname IN ('verify_heapam', 'bt_index_check', 'bt_index_parent_check',
                                              'gin_index_check')
"""


class AmcheckMissingError(RuntimeError):
    """amcheck is not there, or the role may not use it: nothing can be said about the files."""


class Amcheck:
    """The functions of the extension amcheck, as far as this server has them and this role may use them.

    Raises :class:`AmcheckMissingError`.
    """

    def __init__(self, connection: Connection) -> None:
        found = rows(connection, _AMCHECK)
        role = connection.info.user
        if not found:
            raise AmcheckMissingError(
                "expected the extension amcheck in the database, found none: run the bootstrap on the primary, or"
                " CREATE EXTENSION amcheck SCHEMA continuity there, and take a new backup"
            )
        refused = sorted({each["name"] for each in found if not each["usable"]})
        if refused:
            raise AmcheckMissingError(
                f"expected to execute {', '.join(refused)} of amcheck as {role}, found no right to: run the bootstrap"
                f" as a role that may grant it, or GRANT EXECUTE on each to {role}"
            )
        self._schema: str = found[0]["schema"]
        # The longest list of arguments that each function takes in this version.
        self._arguments = {each["name"]: each["arguments"] for each in sorted(found, key=lambda e: e["arguments"])}

    @property
    def index_methods(self) -> list[str]:
        """The kinds of indexes that can be checked."""
        return ["btree", "gin"] if "gin_index_check" in self._arguments else ["btree"]

    def heap(self, table: int, extent: Range) -> Composable:
        """The query that lists what is wrong with a table; it stops at the first block that has something."""
        return self._call(
            "SELECT blkno, offnum, msg FROM {}(relation => {}::oid::regclass, on_error_stop => true,"
            " check_toast => true, startblock => {}, endblock => {})",
            "verify_heapam",
            table,
            Literal(extent.first),
            Literal(None if extent.end is None else extent.end - 1),
        )

    def heaps(self) -> Composable:
        """The query that lists those of many tables, ``oids``, that have something wrong."""
        return SQL(
            "SELECT DISTINCT asked.oid::bigint AS oid FROM unnest(%(oids)s::oid[]) AS asked(oid),"
            " LATERAL {}(relation => asked.oid::regclass, on_error_stop => true, check_toast => true)"
        ).format(Identifier(self._schema, "verify_heapam"))

    def btrees(self) -> Composable:
        """The query that raises when one of many B-trees, ``oids``, is damaged or misses a row of its table."""
        return SQL(
            "SELECT {}(asked.oid::regclass, heapallindexed => true{}) FROM unnest(%(oids)s::oid[]) AS asked(oid)"
        ).format(Identifier(self._schema, "bt_index_check"), self._unique("bt_index_check"))

    def btree(self, index: int, *, parents: bool) -> Composable:
        """The query that raises when a B-tree is damaged or misses a row of its table."""
        name = "bt_index_parent_check" if parents else "bt_index_check"
        # PostgreSQL says of rootdescend that it helps to develop B-trees, and hardly with damage that occurs.
        descend = SQL(", rootdescend => false" if parents else "")
        query = "SELECT {}({}::oid::regclass, heapallindexed => true{}{})"
        return self._call(query, name, index, descend, self._unique(name))

    def gin(self, index: int) -> Composable:
        """The query that raises when a GIN index is damaged; what rows it holds is not looked at."""
        return self._call("SELECT {}({}::oid::regclass)", "gin_index_check", index)

    def _unique(self, name: str) -> Composable:
        # PostgreSQL 17 added checkunique as the last argument of both.
        longest = {"bt_index_check": 3, "bt_index_parent_check": 4}[name]
        return SQL(", checkunique => true" if self._arguments[name] == longest else "")

    def _call(self, query: str, name: str, oid: int, *more: Composable) -> Composable:
        return SQL(query).format(Identifier(self._schema, name), Literal(oid), *more)  # pyright: ignore[reportArgumentType]


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
    names: Mapping[int, Row] = {
        each["oid"]: each
        for each in rows(
            connection,
            "SELECT oid::bigint, oid::regclass::text AS label, relnamespace = 'pg_catalog'::regnamespace AS system,"
            " pg_relation_size(oid) / current_setting('block_size')::int AS blocks,"
            # VACUUM and ANALYZE count, and nothing but VACUUM shortens a file, which counts again.
            " relpages AS counted"
            " FROM pg_class WHERE oid = ANY (%s)",
            (oids(part, "heap") + oids(part, "btree") + oids(part, "gin"),),
        )
    }
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


def _sound(
    connection: Connection, amcheck: Amcheck, kind: str, relations: Sequence[Row], context: CheckContext
) -> frozenset[int]:
    """Those that one statement finds sound; of the others it says nothing yet.

    A database has hundreds of small relations, the catalogs most of all: a statement each would take longer to send
    than to answer.
    """
    if kind == "heap":
        asked = [each["oid"] for each in relations if each["blocks"] > 0 and each["counted"] <= each["blocks"]]
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
    if relation["blocks"] < relation["counted"]:
        return [f"has {relation['blocks']} blocks, and {relation['counted']} when they were last counted: it was cut"]
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
