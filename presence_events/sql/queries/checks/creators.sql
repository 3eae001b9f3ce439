-- The schemas in which others could create functions and operators that queries of the library find, and who could: the
-- schema of a table; the search path of this session; and the search paths that ALTER ROLE and ALTER DATABASE have set
-- for roles that may read the table. Roles with the rights of the table's owner and owners of schemas are trusted, and
-- in its own search path a role is. Also whether the schema is that of the table.
WITH class AS (
    SELECT oid, relowner, relnamespace
    FROM pg_catalog.pg_class
    WHERE oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(%(table)s)
),
path AS (
    SELECT pg_catalog.quote_ident(current_user)::pg_catalog.regrole::pg_catalog.oid AS role, name::pg_catalog.text
    FROM unnest(pg_catalog.current_schemas(false)) AS current (name)
    UNION
    SELECT
        setrole,
        CASE
            WHEN parts[1] OPERATOR(pg_catalog.=) '$user' THEN pg_catalog.pg_get_userbyid(setrole)::pg_catalog.text
            ELSE coalesce(pg_catalog.replace(parts[1], '""', '"'), parts[2])
        END
    FROM pg_catalog.pg_db_role_setting
    CROSS JOIN unnest(setconfig) AS setting (text)
    CROSS JOIN pg_catalog.regexp_matches(
        pg_catalog.split_part(setting.text, '=', 2), '"((?:[^"]|"")*)"|([^\s,"]+)', 'g'
    ) AS found (parts)
    WHERE pg_catalog.starts_with(setting.text, 'search_path=')
        AND setdatabase OPERATOR(pg_catalog.=) ANY (
            SELECT 0::pg_catalog.oid
            UNION ALL
            SELECT oid FROM pg_catalog.pg_database
            WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
        )
        AND (
            setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid
            OR pg_catalog.has_table_privilege(setrole, (SELECT oid FROM class), 'SELECT')
        )
),
schemas AS (
    SELECT relnamespace AS oid, 0::pg_catalog.oid AS role FROM class
    UNION
    SELECT namespace.oid, path.role
    FROM path
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.nspname OPERATOR(pg_catalog.=) path.name::pg_catalog.name
)
SELECT
    namespace.oid::pg_catalog.regnamespace::pg_catalog.text,
    pg_catalog.array_agg(DISTINCT
        CASE
            WHEN grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC'
            ELSE grantee::pg_catalog.regrole::pg_catalog.text
        END
    ),
    namespace.oid OPERATOR(pg_catalog.=) class.relnamespace
FROM class
CROSS JOIN schemas
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid OPERATOR(pg_catalog.=) schemas.oid
CROSS JOIN pg_catalog.aclexplode(namespace.nspacl)
WHERE privilege_type OPERATOR(pg_catalog.=) 'CREATE'
    AND grantee OPERATOR(pg_catalog.<>) namespace.nspowner
    AND (
        grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid
        OR grantee OPERATOR(pg_catalog.<>) schemas.role
        AND NOT pg_catalog.pg_has_role(grantee, class.relowner, 'USAGE')
    )
GROUP BY namespace.oid, class.relnamespace
ORDER BY 1
