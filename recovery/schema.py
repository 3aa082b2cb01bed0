"""The schema of a database as a flat list of objects and their definitions, so that two of them can be compared.

Left out: PostgreSQL's own schemas, ``continuity`` (the heartbeat check's business) and whatever belongs to an
extension, of which the version is recorded instead.
"""

from collections.abc import Mapping
from typing import LiteralString

from recovery.database import Connection, rows

# Every definition is PostgreSQL's own text for the object, under the settings that `snapshot` pins.
_OBJECTS: tuple[LiteralString, ...] = (
    """
SELECT 'schema' AS kind, quote_ident(nspname) AS name, 'schema' AS definition, 'pg_namespace'::regclass AS catalog, oid
FROM pg_namespace WHERE oid IN (SELECT oid FROM places)
""",
    """
SELECT 'table', c.oid::regclass::text, concat_ws(' ',
    CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' ELSE 'foreign table' END,
    'partition by ' || pg_get_partkeydef(c.oid),
    'partition ' || pg_get_expr(c.relpartbound, c.oid),
    'of ' || (SELECT string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno) FROM pg_inherits
              WHERE inhrelid = c.oid),
    CASE WHEN c.relrowsecurity THEN 'with row security' END,
    CASE WHEN c.relforcerowsecurity THEN 'forced' END), 'pg_class'::regclass, c.oid
FROM pg_class AS c WHERE c.relkind IN ('r', 'p', 'f') AND c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'column', c.oid::regclass || '.' || quote_ident(a.attname), concat_ws(' ',
    format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attcollation <> t.typcollation THEN 'collate ' || a.attcollation::regcollation END,
    CASE WHEN a.attnotnull THEN 'not null' END,
    CASE WHEN a.attidentity <> '' THEN 'identity ' || a.attidentity::text END,
    CASE WHEN d.oid IS NOT NULL THEN
        CASE a.attgenerated WHEN '' THEN 'default ' WHEN 's' THEN 'generated stored ' ELSE 'generated virtual ' END
        || pg_get_expr(d.adbin, d.adrelid) END), 'pg_class'::regclass, c.oid
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'f', 'c') AND c.relnamespace IN (SELECT oid FROM places)
""",
    # Not-null constraints have rows of their own since PostgreSQL 18; the column already says it.
    """
SELECT 'constraint', coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text) || ' '
    || quote_ident(conname), pg_get_constraintdef(oid), 'pg_constraint'::regclass, oid
FROM pg_constraint WHERE contype <> 'n' AND connamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'index', i.indexrelid::regclass::text,
    pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid AND i.indisready THEN '' ELSE ' (invalid)' END,
    'pg_class'::regclass, i.indrelid
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'sequence', seqrelid::regclass::text, format('%s start %s increment %s from %s to %s cache %s%s',
    seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, CASE WHEN seqcycle THEN ' cycle' ELSE '' END),
    'pg_class'::regclass, seqrelid
FROM pg_sequence JOIN pg_class AS c ON c.oid = seqrelid WHERE c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, oid::regclass::text, pg_get_viewdef(oid),
    'pg_class'::regclass, oid
FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT CASE prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, oid::regprocedure::text,
    CASE prokind WHEN 'a' THEN 'returns ' || prorettype::regtype ELSE pg_get_functiondef(oid) END,
    'pg_proc'::regclass, oid
FROM pg_proc WHERE pronamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'trigger', t.tgrelid::regclass || ' ' || quote_ident(t.tgname),
    pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' (enabled: ' || t.tgenabled::text || ')' END,
    'pg_class'::regclass, t.tgrelid
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'policy', p.polrelid::regclass || ' ' || quote_ident(p.polname), concat_ws(' ',
    CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd::text,
    'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid)),
    'pg_class'::regclass, p.polrelid
FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid WHERE c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'type', t.oid::regtype::text, concat_ws(' ',
    CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range' ELSE 'composite' END,
    (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
    CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
    CASE WHEN t.typnotnull THEN 'not null' END, 'default ' || t.typdefault,
    (SELECT rngsubtype::regtype::text FROM pg_range WHERE rngtypid = t.oid)), 'pg_type'::regclass, t.oid
FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
  AND t.typnamespace IN (SELECT oid FROM places)
""",
)

_QUERY: LiteralString = """
WITH places AS (
    SELECT oid FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'continuity')
), objects AS (%s)
SELECT kind || ' ' || name AS object, definition FROM objects
WHERE NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = objects.catalog AND d.objid = objects.oid
                  AND d.deptype = 'e')
UNION ALL SELECT 'extension ' || quote_ident(extname), 'version ' || extversion FROM pg_extension
"""

_LONGEST_SHOWN = 160
_MOST_SHOWN = 8


def read_schema(connection: Connection) -> dict[str, str]:
    """The definition of every object, by its kind and qualified name (``column public.users.phone``)."""
    found = rows(connection, _QUERY.replace("%s", " UNION ALL ".join(_OBJECTS)))
    return {each["object"]: each["definition"] for each in sorted(found, key=lambda each: each["object"])}


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What differs, one sentence an object, the objects in alphabetical order."""
    return [
        _difference(name, expected.get(name), found.get(name))
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]


def summary(sentences: list[str]) -> str:
    """The first few sentences, and how many there are besides."""
    more = len(sentences) - _MOST_SHOWN
    return "; ".join(sentences[:_MOST_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _difference(name: str, expected: str | None, found: str | None) -> str:
    if found is None:
        return f"{name} is missing"
    if expected is None:
        return f"{name} is not in the manifest"
    return f"{name} differs: expected {_shown(expected)}, found {_shown(found)}"


def _shown(definition: str) -> str:
    line = " ".join(definition.split())
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"
