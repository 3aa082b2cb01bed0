"""The queries that list a database's objects, each with PostgreSQL's own text for its definition.

Every query answers ``kind``, ``name`` and ``definition``; ``catalog`` and ``oid`` of the object whose extension would
speak for it; and, of what has them, the ``owner`` and the ``acl`` with the kind of default (``acl_of``) that stands for
an ``acl`` of NULL. They read the schemas in ``places`` and, where an object has none, leave out what the ``hosts`` own:
the roles of the service that runs the server.
"""

from typing import LiteralString

OBJECTS: tuple[LiteralString, ...] = (
    """
SELECT 'schema' AS kind, quote_ident(nspname) AS name, 'schema' AS definition, 'pg_namespace'::regclass AS catalog, oid,
    nspowner AS owner, nspacl AS acl, 'n'::"char" AS acl_of
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
    CASE WHEN c.relforcerowsecurity THEN 'forced' END), 'pg_class'::regclass, c.oid, c.relowner, c.relacl, 'r'
FROM pg_class AS c WHERE c.relkind IN ('r', 'p', 'f') AND c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'column', c.oid::regclass || '.' || quote_ident(a.attname), concat_ws(' ',
    format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attcollation <> t.typcollation THEN 'collate ' || a.attcollation::regcollation END,
    CASE WHEN a.attnotnull THEN 'not null' END,
    -- not-null constraints have rows of their own since PostgreSQL 18
    CASE WHEN EXISTS (SELECT FROM pg_constraint AS n WHERE n.conrelid = a.attrelid AND n.contype = 'n'
                      AND n.conkey[1] = a.attnum AND NOT n.convalidated) THEN 'not valid' END,
    CASE WHEN a.attidentity <> '' THEN 'identity ' || a.attidentity::text END,
    CASE WHEN d.oid IS NOT NULL THEN
        CASE a.attgenerated WHEN '' THEN 'default ' WHEN 's' THEN 'generated stored ' ELSE 'generated virtual ' END
        || pg_get_expr(d.adbin, d.adrelid) END), 'pg_class'::regclass, c.oid, NULL, a.attacl, 'c'
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'f', 'c', 'v', 'm') AND c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'constraint', coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text) || ' '
    || quote_ident(conname), pg_get_constraintdef(oid) || CASE WHEN EXISTS (
        SELECT FROM pg_trigger WHERE tgconstraint = con.oid AND tgenabled <> 'O')
    THEN ' (triggers disabled)' ELSE '' END,
    'pg_constraint'::regclass, oid, NULL, NULL, NULL
FROM pg_constraint AS con WHERE contype <> 'n' AND connamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'index', i.indexrelid::regclass::text,
    pg_get_indexdef(i.indexrelid)
    || CASE WHEN i.indisvalid AND i.indisready AND i.indislive THEN '' ELSE ' (invalid)' END,
    'pg_class'::regclass, i.indrelid, NULL, NULL, NULL
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'sequence', seqrelid::regclass::text, format('%s start %s increment %s from %s to %s cache %s%s%s',
    seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, CASE WHEN seqcycle THEN ' cycle' ELSE '' END,
    (SELECT ' of ' || d.refobjid::regclass || '.' || quote_ident(a.attname) FROM pg_depend AS d
     JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE d.classid = 'pg_class'::regclass AND d.objid = seqrelid AND d.refclassid = 'pg_class'::regclass
       AND d.deptype IN ('a', 'i'))),
    'pg_class'::regclass, seqrelid, c.relowner, c.relacl, 's'
FROM pg_sequence JOIN pg_class AS c ON c.oid = seqrelid WHERE c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, oid::regclass::text, concat_ws(' ',
    pg_get_viewdef(oid), 'with ' || array_to_string(reloptions, ', '),
    CASE WHEN NOT relispopulated THEN '(not populated)' END), 'pg_class'::regclass, oid, relowner, relacl, 'r'
FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT CASE prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, oid::regprocedure::text,
    CASE prokind WHEN 'a' THEN (
        SELECT concat_ws(' ', 'returns ' || prorettype::regtype, 'step ' || aggtransfn,
                         'final ' || nullif(aggfinalfn, 0), 'from ' || agginitval)
        FROM pg_aggregate WHERE aggfnoid = p.oid)
    ELSE pg_get_functiondef(oid) END, 'pg_proc'::regclass, oid, proowner, proacl, 'f'
FROM pg_proc AS p WHERE pronamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'trigger', t.tgrelid::regclass || ' ' || quote_ident(t.tgname),
    pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' (enabled: ' || t.tgenabled::text || ')' END,
    'pg_class'::regclass, t.tgrelid, NULL, NULL, NULL
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'policy', p.polrelid::regclass || ' ' || quote_ident(p.polname), concat_ws(' ',
    CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd::text,
    'to ' || (SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role) END, ', ' ORDER BY role)
              FROM unnest(p.polroles) AS role),
    'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid)),
    'pg_class'::regclass, p.polrelid, NULL, NULL, NULL
FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid WHERE c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'type', t.oid::regtype::text, concat_ws(' ',
    CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range' ELSE 'composite' END,
    (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
    CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
    CASE WHEN t.typnotnull THEN 'not null' END, 'default ' || t.typdefault,
    (SELECT rngsubtype::regtype::text FROM pg_range WHERE rngtypid = t.oid)), 'pg_type'::regclass, t.oid,
    t.typowner, t.typacl, 'T'
FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
  AND t.typnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'rule', r.ev_class::regclass || ' ' || quote_ident(r.rulename),
    pg_get_ruledef(r.oid) || CASE r.ev_enabled WHEN 'O' THEN '' ELSE ' (enabled: ' || r.ev_enabled::text || ')' END,
    'pg_class'::regclass, r.ev_class, NULL, NULL, NULL
FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class
WHERE r.rulename <> '_RETURN' AND c.relnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'statistics', format('%I.%I', n.nspname, s.stxname), pg_get_statisticsobjdef(s.oid),
    'pg_statistic_ext'::regclass, s.oid, s.stxowner, NULL, NULL
FROM pg_statistic_ext AS s JOIN pg_namespace AS n ON n.oid = s.stxnamespace WHERE n.oid IN (SELECT oid FROM places)
""",
    """
SELECT 'collation', oid::regcollation::text, concat_ws(' ', 'provider ' || collprovider::text,
    CASE WHEN NOT collisdeterministic THEN 'not deterministic' END, 'collate ' || collcollate, 'ctype ' || collctype,
    'locale ' || coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale'),
    'rules ' || (to_jsonb(l) ->> 'collicurules')), 'pg_collation'::regclass, oid, collowner, NULL, NULL
FROM pg_collation AS l WHERE collnamespace IN (SELECT oid FROM places)
""",
    """
SELECT 'event trigger', quote_ident(evtname), concat_ws(' ', 'on ' || evtevent, 'when ' || evttags::text,
    'execute ' || evtfoid::regprocedure,
    CASE evtenabled WHEN 'O' THEN NULL ELSE '(enabled: ' || evtenabled::text || ')' END),
    'pg_event_trigger'::regclass, oid, evtowner, NULL, NULL
FROM pg_event_trigger WHERE evtowner NOT IN (SELECT oid FROM hosts)
""",
    """
SELECT 'publication', quote_ident(pubname), concat_ws(' ', CASE WHEN puballtables THEN 'all tables' END,
    CASE WHEN pubinsert THEN 'insert' END, CASE WHEN pubupdate THEN 'update' END,
    CASE WHEN pubdelete THEN 'delete' END, CASE WHEN pubtruncate THEN 'truncate' END,
    'of ' || (SELECT string_agg(format('%I.%I', schemaname, tablename), ', ' ORDER BY schemaname, tablename)
              FROM pg_publication_tables AS t WHERE t.pubname = p.pubname AND NOT puballtables)),
    'pg_publication'::regclass, oid, pubowner, NULL, NULL
FROM pg_publication AS p WHERE pubowner NOT IN (SELECT oid FROM hosts)
""",
)
