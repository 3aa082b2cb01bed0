"""The queries that list who may do what: owners, grants, default privileges, roles and their memberships.

Of the roles those are listed that the database needs: whoever owns or was granted something in it, whoever such a role
is a member of or has for a member. Passwords are not read, and RDS would not show them.

Left out are the two roles of ``continuity`` itself (the bootstrap keeps them) and the ``hosts``: rdsadmin,
rds_superuser and their like, which RDS makes, grants to and upgrades as it sees fit. They appear neither as roles nor
as grantees, and a role's membership in one of them is not compared, but for rds_iam, without which nobody signs in.
Memberships in PostgreSQL's own roles (pg_read_all_data ...) are.
"""

from typing import LiteralString

# A grantee's privileges as one line, whoever granted them.
_LINES: LiteralString = """
    SELECT string_agg(line, '; ' ORDER BY line) FROM (
        SELECT CASE g.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(g.grantee) END || ': ' || string_agg(DISTINCT
                   g.privilege_type || CASE WHEN g.is_grantable THEN ' with grant option' ELSE '' END, ', ') AS line
        FROM aclexplode({acl}) AS g WHERE g.grantee NOT IN (SELECT oid FROM strangers) GROUP BY g.grantee) AS lines
"""

# The roles that are left out. recovery.schema joins this with `places` and `owned`, the objects without extensions'.
HOSTS: LiteralString = """
hosts AS (
    SELECT oid FROM pg_roles WHERE rolname ~ '^rds(_|(admin|repladmin|topmgr|proxyadmin|writeforwarduser)$)'
), strangers AS (
    SELECT oid FROM hosts UNION ALL SELECT oid FROM pg_roles WHERE rolname IN ('heartbeat', 'restore_verifier')
)
"""

# Grants that differ from what a new object of that owner would have; a column's never have an owner.
GRANTS: LiteralString = (
    """
SELECT 'grants on ' || kind || ' ' || name AS object, coalesce(given.lines, 'nothing to nobody') AS definition
FROM owned CROSS JOIN LATERAL ({given}) AS given (lines) CROSS JOIN LATERAL ({usual}) AS usual (lines)
WHERE owned.acl IS NOT NULL AND given.lines IS DISTINCT FROM usual.lines
UNION ALL
SELECT format('default privileges of %s%s for %s', pg_get_userbyid(defaclrole),
              ' in schema ' || nullif(defaclnamespace, 0)::regnamespace::text,
              CASE defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
                   WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE defaclobjtype::text END),
       coalesce(given.lines, 'nothing to nobody')
FROM pg_default_acl CROSS JOIN LATERAL ({default}) AS given (lines)
WHERE defaclrole NOT IN (SELECT oid FROM strangers)
""".replace("{given}", _LINES.replace("{acl}", "owned.acl"))
    .replace("{usual}", _LINES.replace("{acl}", "acldefault(owned.acl_of, coalesce(owned.owner, 0))"))
    .replace("{default}", _LINES.replace("{acl}", "defaclacl"))
)

ROLES: LiteralString = """
SELECT * FROM (
WITH RECURSIVE near AS (
    SELECT role FROM (
        SELECT owner AS role FROM owned
        UNION SELECT g.grantee FROM owned CROSS JOIN LATERAL aclexplode(owned.acl) AS g
        UNION SELECT defaclrole FROM pg_default_acl
        UNION SELECT g.grantee FROM pg_default_acl CROSS JOIN LATERAL aclexplode(defaclacl) AS g
        UNION SELECT unnest(polroles) FROM pg_policy
    ) AS named WHERE role <> 0
    UNION
    SELECT CASE near.role WHEN m.roleid THEN m.member ELSE m.roleid END
    FROM near JOIN pg_auth_members AS m ON near.role IN (m.roleid, m.member)
    WHERE near.role NOT IN (SELECT oid FROM strangers)
      -- the members of PostgreSQL's own roles have nothing to do with each other
      AND near.role NOT IN (SELECT oid FROM pg_roles WHERE rolname ~ '^pg_')
), roles AS (
    SELECT r.* FROM pg_roles AS r JOIN near ON near.role = r.oid
    WHERE r.rolname !~ '^pg_' AND r.oid NOT IN (SELECT oid FROM strangers)
)
SELECT 'role ' || quote_ident(rolname) AS object, concat_ws(', ',
    CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolcanlogin THEN 'may sign in' ELSE 'may not sign in' END,
    CASE WHEN NOT rolinherit THEN 'does not inherit' END, CASE WHEN rolcreaterole THEN 'makes roles' END,
    CASE WHEN rolcreatedb THEN 'makes databases' END, CASE WHEN rolreplication THEN 'replicates' END,
    CASE WHEN rolbypassrls THEN 'passes row security by' END,
    CASE WHEN rolconnlimit >= 0 THEN rolconnlimit || ' connections at most' END,
    'valid until ' || nullif(rolvaliduntil, 'infinity'),
    (SELECT 'with ' || string_agg(setting, ', ' ORDER BY setting) FROM (
        SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = roles.oid AND setdatabase IN (
            0, (SELECT oid FROM pg_database WHERE datname = current_database()))) AS settings (setting))
) AS definition
FROM roles
UNION ALL
SELECT format('membership of %I in %I', member.rolname, team.rolname), concat_ws(', ', 'member',
    CASE WHEN bool_or(m.admin_option) THEN 'may grant it' END,
    -- PostgreSQL 16 made these a property of the membership
    CASE WHEN bool_and((to_jsonb(m) ->> 'inherit_option')::boolean IS FALSE) THEN 'does not inherit' END,
    CASE WHEN bool_and((to_jsonb(m) ->> 'set_option')::boolean IS FALSE) THEN 'may not become it' END)
FROM pg_auth_members AS m JOIN roles AS member ON member.oid = m.member JOIN pg_roles AS team ON team.oid = m.roleid
WHERE m.roleid NOT IN (SELECT oid FROM strangers) OR team.rolname = 'rds_iam'
GROUP BY member.rolname, team.rolname
) AS access
"""

# What the database itself says: who owns it, who may connect, and the settings that every session of it begins with.
# Whether it takes writes is the identity's business.
DATABASE: LiteralString = """
SELECT 'database settings' AS object, string_agg(setting, ', ' ORDER BY setting) AS definition
FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase CROSS JOIN unnest(s.setconfig) AS setting
WHERE s.setrole = 0 AND d.datname = current_database() AND setting !~ '^default_transaction_read_only='
HAVING count(*) > 0
"""

# The rules that indexes of text were sorted by, as the server has them now. Libraries of the operating system change
# their rules between versions, and an index sorted by the old ones misses rows.
SORTED_BY: LiteralString = ", indexes sorted by version "
COLLATIONS: LiteralString = """
SELECT 'collation version ' || l.oid::regcollation AS object, 'version ' || pg_collation_actual_version(l.oid)
    || CASE WHEN l.collversion IS DISTINCT FROM pg_collation_actual_version(l.oid)
            THEN '{sorted_by}' || l.collversion ELSE '' END AS definition
FROM pg_collation AS l
WHERE pg_collation_actual_version(l.oid) IS NOT NULL AND l.oid IN (
    SELECT a.attcollation FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
    WHERE c.relnamespace IN (SELECT oid FROM places))
""".replace("{sorted_by}", SORTED_BY)

# Since PostgreSQL 15 a database knows by which version of its own collation it was sorted.
DATABASE_COLLATION: LiteralString = """
SELECT 'collation version of the database' AS object, 'version ' || pg_database_collation_actual_version(oid)
    || CASE WHEN datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
            THEN '{sorted_by}' || datcollversion ELSE '' END AS definition
FROM pg_database
WHERE datname = current_database() AND pg_database_collation_actual_version(oid) IS NOT NULL
""".replace("{sorted_by}", SORTED_BY)
