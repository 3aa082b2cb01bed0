"""The functions of PostgreSQL's extension amcheck, as queries."""

from psycopg.sql import SQL, Composable, Identifier, Literal

from recovery.checks.packing import Range
from recovery.database import Connection, rows

# Of each function the form with the most arguments, which is the only one used.
_AMCHECK = """
SELECT DISTINCT ON (p.proname) n.nspname AS schema, p.proname AS name, p.pronargs AS arguments, e.extversion AS version,
       has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE') AS usable
FROM pg_extension AS e JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
     AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
JOIN pg_proc AS p ON p.oid = d.objid JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE e.extname = 'amcheck' AND p.proname IN ('verify_heapam', 'bt_index_check', 'bt_index_parent_check',
                                              'gin_index_check')
ORDER BY p.proname, p.pronargs DESC
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
        self._arguments = {each["name"]: each["arguments"] for each in found}

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
