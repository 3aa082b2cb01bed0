"""The questions that a database's constraints ask of its rows, written by the server itself.

Each query of the catalogs answers one row a question: ``oid``, ``label``, the ``size`` in bytes that answering reads,
and the ``question``, a query whose rows are the violations (of which it gives the ``place``: table and ctid, never a
value, for a value can be somebody's phone number). Names and operators are the catalogs' own, quoted by the server.

A row cannot satisfy a constraint by what the planner believes of it: NULLs are counted with num_nulls, because since
PostgreSQL 17 the planner takes a column's NOT NULL for granted.
"""

from typing import LiteralString

# How many violations a question looks for before it has seen enough.
MOST_LOOKED_FOR = 1000

# The product's tables; PostgreSQL's own have no constraints but unique indexes, which amcheck looks at.
_PLACES: LiteralString = """
t.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_' OR nspname = 'information_schema')
"""

FOREIGN_KEYS: LiteralString = """
WITH keys AS (
    SELECT con.oid, string_agg(format('parent.%I OPERATOR(%I.%s) child.%I', pa.attname, n.nspname, o.oprname,
                                      ca.attname), ' AND ' ORDER BY k.position) AS joined,
           string_agg(format('child.%I', ca.attname), ', ' ORDER BY k.position) AS columns
    FROM pg_constraint AS con
    CROSS JOIN unnest(con.conkey, con.confkey, con.conpfeqop) WITH ORDINALITY AS k(child, parent, operator, position)
    JOIN pg_attribute AS ca ON ca.attrelid = con.conrelid AND ca.attnum = k.child
    JOIN pg_attribute AS pa ON pa.attrelid = con.confrelid AND pa.attnum = k.parent
    JOIN pg_operator AS o ON o.oid = k.operator JOIN pg_namespace AS n ON n.oid = o.oprnamespace
    WHERE con.contype = 'f' GROUP BY con.oid
)
SELECT con.oid::bigint, con.conrelid::regclass || ' ' || quote_ident(con.conname) AS label,
       CASE child.relkind WHEN 'p' THEN (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree(child.oid))::bigint
            ELSE pg_relation_size(child.oid) END AS size,
       child.relkind = 'r' AS divisible,
       CASE WHEN (to_jsonb(con) ->> 'conenforced')::boolean IS FALSE THEN 'not enforced'
            WHEN NOT con.convalidated THEN 'not valid' END AS excuse,
       EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = con.oid AND t.tgenabled IN ('D', 'R')) AS disabled,
       -- a PERIOD is contained in several rows of the parent together: no operator of a row tells
       (to_jsonb(con) ->> 'conperiod')::boolean IS TRUE AS temporal,
       format('SELECT child.tableoid::regclass || '' '' || child.ctid AS place FROM %1$s AS child'
              ' WHERE num_nulls(%2$s) = 0 %4$s AND NOT EXISTS (SELECT FROM %3$s AS parent WHERE %5$s)',
              CASE child.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || child.oid::regclass, keys.columns,
              CASE parent.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || parent.oid::regclass, '{range}', keys.joined)
       || CASE con.confmatchtype WHEN 'f' THEN format(
              ' UNION ALL SELECT child.tableoid::regclass || '' '' || child.ctid FROM %1$s AS child'
              ' WHERE num_nulls(%2$s) > 0 AND num_nonnulls(%2$s) > 0 %3$s',
              CASE child.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || child.oid::regclass, keys.columns, '{range}')
          ELSE '' END || ' LIMIT {most}' AS question
FROM pg_constraint AS con JOIN keys ON keys.oid = con.oid
JOIN pg_class AS child ON child.oid = con.conrelid JOIN pg_class AS parent ON parent.oid = con.confrelid
-- partitions repeat their parents' keys
WHERE con.contype = 'f' AND con.conparentid = 0
ORDER BY label
"""

# Two rows are the same where the index would have refused the second: by the expressions, the collations and the
# condition of the index, whatever the index itself holds.
UNIQUES: LiteralString = """
WITH keys AS (
    SELECT i.indexrelid, string_agg(
        format('(%s)%s', pg_get_indexdef(i.indexrelid, position::int, false),
               CASE WHEN i.indcollation[position - 1] <> 0
                    THEN ' COLLATE ' || (i.indcollation[position - 1])::regcollation ELSE '' END),
        ', ' ORDER BY position) AS expressions
    FROM pg_index AS i CROSS JOIN generate_series(1, i.indnkeyatts) AS position GROUP BY i.indexrelid
)
SELECT i.indexrelid::bigint AS oid, i.indexrelid::regclass::text AS label,
       CASE t.relkind WHEN 'p' THEN (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree(t.oid))::bigint
            ELSE pg_relation_size(t.oid) END AS size,
       format('SELECT min(tableoid)::regclass || '' '' || min(ctid) || '' and '' || max(tableoid)::regclass || '' '''
              ' || max(ctid) AS place FROM %s WHERE %s%s GROUP BY %s HAVING count(*) > 1 LIMIT {most}',
              CASE t.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || t.oid::regclass,
              CASE WHEN (to_jsonb(i) ->> 'indnullsnotdistinct')::boolean IS TRUE THEN 'true'
                   ELSE format('num_nulls(%s) = 0', keys.expressions) END,
              ' AND ' || pg_get_expr(i.indpred, i.indrelid), keys.expressions) AS question
FROM pg_index AS i JOIN keys ON keys.indexrelid = i.indexrelid
JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid
-- partitions' indexes are parts of their parents', and an index of exclusion is asked about below
WHERE i.indisunique AND NOT i.indisexclusion AND NOT x.relispartition AND t.relkind IN ('r', 'p', 'm')
  AND x.relpersistence <> 't' AND {places}
ORDER BY label
""".replace("{places}", _PLACES)

EXCLUSIONS: LiteralString = """
WITH keys AS (
    SELECT con.oid, string_agg(format('one.k%1$s OPERATOR(%2$I.%3$s) other.k%1$s', k.position, n.nspname, o.oprname),
                               ' AND ' ORDER BY k.position) AS joined,
           string_agg(format('(%s) AS k%s', pg_get_indexdef(con.conindid, k.position::int, false), k.position), ', '
                      ORDER BY k.position) AS expressions
    FROM pg_constraint AS con CROSS JOIN unnest(con.conexclop) WITH ORDINALITY AS k(operator, position)
    JOIN pg_operator AS o ON o.oid = k.operator JOIN pg_namespace AS n ON n.oid = o.oprnamespace
    GROUP BY con.oid
)
SELECT con.oid::bigint, con.conrelid::regclass || ' ' || quote_ident(con.conname) AS label,
       pg_relation_size(con.conrelid) AS size,
       format('WITH held AS (SELECT tableoid, ctid AS place, %s FROM %s WHERE %s)'
              ' SELECT one.tableoid::regclass || '' '' || one.place || '' and '' || other.tableoid::regclass || '' '''
              ' || other.place AS place FROM held AS one JOIN held AS other'
              ' ON (one.tableoid, one.place) < (other.tableoid, other.place) AND %s LIMIT {most}',
              keys.expressions, CASE t.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || t.oid::regclass,
              coalesce(pg_get_expr(i.indpred, i.indrelid), 'true'), keys.joined) AS question
FROM pg_constraint AS con JOIN keys ON keys.oid = con.oid JOIN pg_index AS i ON i.indexrelid = con.conindid
JOIN pg_class AS t ON t.oid = con.conrelid
WHERE con.conparentid = 0
ORDER BY label
"""

# What each row has to satisfy by itself: NOT NULL, CHECK, the constraints of its columns' domains, and the bounds of
# the partition it lies in. ``conditions`` are true of a violating row. One pass over the table counts for them all.
TABLES: LiteralString = """
WITH RECURSIVE domains AS (
    SELECT a.attrelid, a.attname, t.oid, t.typbasetype, t.typtypmod, t.typnotnull
    FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'd'
    UNION ALL
    SELECT d.attrelid, d.attname, t.oid, t.typbasetype, t.typtypmod, t.typnotnull
    FROM domains AS d JOIN pg_type AS t ON t.oid = d.typbasetype WHERE t.typtype = 'd'
), held AS (
    SELECT a.attrelid AS relation, 'not null of ' || quote_ident(a.attname) AS name,
           format('num_nulls(%I) > 0', a.attname) AS condition,
           CASE WHEN EXISTS (SELECT FROM pg_constraint AS n WHERE n.conrelid = a.attrelid AND n.contype = 'n'
                             AND n.conkey[1] = a.attnum AND NOT n.convalidated) THEN 'not valid' END AS excuse
    FROM pg_attribute AS a WHERE a.attnotnull AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT con.conrelid, quote_ident(con.conname), format('(%s) IS FALSE', pg_get_expr(con.conbin, con.conrelid)),
           CASE WHEN (to_jsonb(con) ->> 'conenforced')::boolean IS FALSE THEN 'not enforced'
                WHEN NOT con.convalidated THEN 'not valid' END
    FROM pg_constraint AS con WHERE con.contype = 'c' AND con.conrelid <> 0
    UNION ALL
    SELECT d.attrelid, 'not null of ' || d.oid::regtype || ' in ' || quote_ident(d.attname),
           format('num_nulls(%I) > 0', d.attname), NULL
    FROM domains AS d WHERE d.typnotnull
    UNION ALL  -- the constraint of a domain calls what it is about VALUE, which is a column's name as well
    SELECT d.attrelid, quote_ident(con.conname) || ' of ' || d.oid::regtype || ' in ' || quote_ident(d.attname),
           format('(SELECT (%s) IS FALSE FROM (SELECT %s.%I::%s AS value) AS held)', pg_get_expr(con.conbin, 0),
                  d.attrelid::regclass, d.attname, format_type(base.typbasetype, base.typtypmod)),
           CASE WHEN NOT con.convalidated THEN 'not valid' END
    FROM domains AS d JOIN pg_constraint AS con ON con.contypid = d.oid AND con.contype = 'c'
    -- a cast to another domain would only raise that one's own error
    JOIN domains AS base ON (base.attrelid, base.attname) = (d.attrelid, d.attname)
                        AND NOT EXISTS (SELECT FROM domains AS deeper WHERE deeper.oid = base.typbasetype)
    UNION ALL
    SELECT oid, 'the bounds of its partition', format('(%s) IS FALSE', pg_get_partition_constraintdef(oid)), NULL
    FROM pg_class WHERE relispartition AND relkind = 'r' AND pg_get_partition_constraintdef(oid) IS NOT NULL
)
SELECT t.oid::bigint, t.oid::regclass::text AS label, pg_relation_size(t.oid) AS size, true AS divisible,
       array_agg(held.name ORDER BY held.name) AS names,
       array_agg(held.excuse ORDER BY held.name) AS excuses,
       array_agg(format('SELECT tableoid::regclass || '' '' || ctid AS place FROM ONLY %s WHERE %s {range} LIMIT 3',
                        t.oid::regclass, held.condition) ORDER BY held.name) AS questions,
       format('SELECT ARRAY[%s] AS counts FROM ONLY %s WHERE true {range}',
              string_agg(format('count(*) FILTER (WHERE %s)', held.condition), ', ' ORDER BY held.name),
              t.oid::regclass) AS question
FROM held JOIN pg_class AS t ON t.oid = held.relation
WHERE t.relkind = 'r' AND t.relpersistence <> 't' AND {places}
GROUP BY t.oid ORDER BY label
""".replace("{places}", _PLACES)

# A sequence is held against each column that is its own (OWNED BY, identity) or takes its default from it.
SEQUENCES: LiteralString = """
WITH columns AS (
    SELECT objid AS sequence, refobjid AS relation, refobjsubid AS attnum FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
      AND refobjsubid > 0
    UNION
    SELECT d.refobjid, v.adrelid, v.adnum FROM pg_depend AS d JOIN pg_attrdef AS v ON v.oid = d.objid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
)
SELECT s.seqrelid::bigint AS oid, s.seqrelid::regclass || ' of ' || t.oid::regclass || '.' || quote_ident(a.attname)
           AS label, pg_relation_size(t.oid) AS size,
       CASE WHEN s.seqcycle THEN 'it cycles'
            WHEN a.atttypid::regtype NOT IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype,
                                             'numeric'::regtype) THEN 'the column is no number'
            WHEN pg_get_expr(v.adbin, v.adrelid) !~ '^\\(?nextval\\(''[^()]*''::regclass\\)(\\)?::[a-z]+)?$'
                 AND a.attgenerated = '' THEN 'the default does more than take the next number' END AS excuse,
       format('SELECT CASE WHEN is_called THEN last_value::numeric + %1$s ELSE last_value END AS next,'
              ' (SELECT %2$s(%3$I) FROM %4$s) AS held, %1$s > 0 AS upwards FROM %5$s', s.seqincrement,
              CASE WHEN s.seqincrement > 0 THEN 'max' ELSE 'min' END, a.attname,
              CASE t.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END || t.oid::regclass, s.seqrelid::regclass) AS question
FROM columns AS c JOIN pg_sequence AS s ON s.seqrelid = c.sequence JOIN pg_class AS t ON t.oid = c.relation
JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = c.attnum AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS v ON v.adrelid = a.attrelid AND v.adnum = a.attnum
WHERE t.relkind IN ('r', 'p') AND t.relpersistence <> 't'
ORDER BY label
"""
