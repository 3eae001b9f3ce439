-- Functions and operators that another role creates in the schema of the tables, or elsewhere in the search path, could
-- run with the rights of the role that uses them. No other role may create there.
DO $$
DECLARE
    creators pg_catalog.text;
    schema pg_catalog.text;
BEGIN
    SELECT
        pg_catalog.string_agg(DISTINCT
            CASE
                WHEN grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC'
                ELSE grantee::pg_catalog.regrole::pg_catalog.text
            END,
            ', '
        ),
        namespace.oid::pg_catalog.regnamespace::pg_catalog.text
    INTO creators, schema
    FROM pg_catalog.pg_class AS class
    JOIN pg_catalog.pg_namespace AS namespace
        ON namespace.oid OPERATOR(pg_catalog.=) class.relnamespace
        OR namespace.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))
    CROSS JOIN pg_catalog.aclexplode(namespace.nspacl)
    WHERE class.oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass
        AND privilege_type OPERATOR(pg_catalog.=) 'CREATE'
        AND grantee OPERATOR(pg_catalog.<>) namespace.nspowner
        AND (
            grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid
            OR NOT pg_catalog.pg_has_role(grantee, class.relowner, 'USAGE')
        )
    GROUP BY namespace.oid
    LIMIT 1;
    IF creators IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = pg_catalog.concat('roles other than the owner may create in the schema ', schema, ': ', creators),
            HINT = pg_catalog.concat('First run: REVOKE CREATE ON SCHEMA ', schema, ' FROM ', creators);
    END IF;
END
$$;
