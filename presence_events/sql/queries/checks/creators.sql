-- The schema of a table, and the roles that may create in it without having the rights of the table's owner. The owner
-- of the schema counts as trusted. The rule is the same as in sql/grants.
SELECT
    class.relnamespace::pg_catalog.regnamespace::pg_catalog.text,
    pg_catalog.array_agg(DISTINCT
        CASE
            WHEN grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC'
            ELSE grantee::pg_catalog.regrole::pg_catalog.text
        END
    )
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid OPERATOR(pg_catalog.=) class.relnamespace
CROSS JOIN pg_catalog.aclexplode(namespace.nspacl)
WHERE class.oid OPERATOR(pg_catalog.=) %(table)s::pg_catalog.regclass
    AND privilege_type OPERATOR(pg_catalog.=) 'CREATE'
    AND grantee OPERATOR(pg_catalog.<>) namespace.nspowner
    AND (
        grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid
        OR NOT pg_catalog.pg_has_role(grantee, class.relowner, 'USAGE')
    )
GROUP BY class.relnamespace
