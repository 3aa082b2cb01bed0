"""The schema of a database as a flat list of objects and their definitions, so that two of them can be compared.

Left out: PostgreSQL's own schemas, ``continuity`` (the heartbeat check's business, and the extension that the bootstrap
puts there) and whatever belongs to an extension, of which the version is recorded instead.
"""

from collections.abc import Mapping
from typing import LiteralString

from recovery import schema_access as access
from recovery.database import Connection, rows
from recovery.schema_access import SORTED_BY
from recovery.schema_objects import OBJECTS

_QUERY: LiteralString = """
WITH places AS (
    SELECT oid FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'continuity')
), {hosts}, objects AS ({objects}), owned AS (
    SELECT * FROM objects
    WHERE NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = objects.catalog AND d.objid = objects.oid
                      AND d.deptype = 'e')
    UNION ALL
    SELECT 'database', 'itself', 'database', 'pg_database'::regclass, oid, datdba, datacl, 'd' FROM pg_database
    WHERE datname = current_database()
)
SELECT kind || ' ' || name AS object,
       definition || coalesce(' owned by ' || CASE WHEN owner IN (SELECT oid FROM hosts) THEN 'the host'
                                                   ELSE pg_get_userbyid(owner) END, '') AS definition FROM owned
UNION ALL
SELECT 'extension ' || quote_ident(extname), format('version %s in %s', extversion, extnamespace::regnamespace)
FROM pg_extension WHERE extnamespace::regnamespace::text <> 'continuity'
UNION ALL {access}
"""
_LATER_COLLATIONS = 15  # the first major that knows the version of a database's own collation

# How the definition of an index ends that is not valid.
INVALID = " (invalid)"

_LONGEST_SHOWN = 160


def read_schema(connection: Connection) -> dict[str, str]:
    """The definition of every object, by its kind and qualified name (``column public.users.phone``)."""
    queries: list[LiteralString] = [access.GRANTS, access.ROLES, access.DATABASE, access.COLLATIONS]
    if connection.info.server_version // 10_000 >= _LATER_COLLATIONS:
        queries.append(access.DATABASE_COLLATION)
    query = _QUERY.replace("{hosts}", access.HOSTS).replace("{objects}", " UNION ALL ".join(OBJECTS))
    found = rows(connection, query.replace("{access}", " UNION ALL ".join(queries)))
    return {each["object"]: each["definition"] for each in sorted(found, key=lambda each: each["object"])}


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What differs, one sentence an object: tables first, the rest in alphabetical order.

    Of a table that is gone its columns, constraints, triggers, rules and policies are not told besides. Nothing is
    asked of an index that was invalid: one is, while it is built beside writers, and then it is valid or gone.
    """
    names = [
        name
        for name in expected.keys() | found.keys()
        if expected.get(name) != found.get(name) and not expected.get(name, "").endswith(INVALID)
    ]
    gone = {name.removeprefix("table ") for name in names if name.startswith("table ") and name not in found}
    told = [name for name in names if name in found or _table_of(name) not in gone]
    return [_difference(name, expected.get(name), found.get(name)) for name in sorted(told, key=_tables_first)]


def outdated_collations(found: Mapping[str, str]) -> list[str]:
    """The collations by whose earlier rules indexes were sorted: what reads them may miss rows."""
    return [
        f"{name} is {definition}"
        for name, definition in found.items()
        if name.startswith("collation version ") and SORTED_BY in definition
    ]


def _tables_first(name: str) -> tuple[bool, str]:
    return not name.startswith("table "), name


def _table_of(name: str) -> str | None:
    """The table that an object is a part of and named after."""
    kind, _, rest = name.partition(" ")
    if kind == "column":
        return rest.rpartition(".")[0]
    return rest.rpartition(" ")[0] if kind in ("constraint", "trigger", "rule", "policy") else None


def _difference(name: str, expected: str | None, found: str | None) -> str:
    # Rights that nobody was given beyond the usual are not listed.
    if name.startswith(("grants ", "default privileges ")):
        return f"{name} differ: expected {_shown(expected or 'the usual')}, found {_shown(found or 'the usual')}"
    if found is None:
        return f"{name} is missing"
    if expected is None:
        return f"{name} is not in the manifest"
    return f"{name} differs: expected {_shown(expected)}, found {_shown(found)}"


def _shown(definition: str) -> str:
    line = " ".join(definition.split())
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"
