-- The functions of an erasure run with the rights of the owner of the log, in its schema. Only the owner may call them until
-- grants/erasure gives a role EXECUTE.
DO $$
DECLARE
    schema pg_catalog.text;
    erasing record;
    other pg_catalog.text;
BEGIN
    SELECT relnamespace::pg_catalog.regnamespace::pg_catalog.text INTO STRICT schema
    FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass;
    FOR erasing IN
        SELECT p.oid, p.oid::pg_catalog.regprocedure AS name, p.proowner AS owner
        FROM pg_catalog.pg_proc AS p
        JOIN pg_catalog.pg_class AS c ON c.relnamespace OPERATOR(pg_catalog.=) p.pronamespace
        WHERE c.oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass
            AND p.proname OPERATOR(pg_catalog.~) '^presence_((begin|record|end)_erasure|erase_[a-z]+)$'
            AND p.prosecdef
    LOOP
        EXECUTE pg_catalog.concat('ALTER FUNCTION ', erasing.name, ' SET search_path = ', schema, ', pg_temp');
        EXECUTE pg_catalog.concat('REVOKE ALL ON FUNCTION ', erasing.name, ' FROM PUBLIC');
        -- ALTER DEFAULT PRIVILEGES may have granted EXECUTE to roles.
        FOR other IN
            SELECT DISTINCT grantee::pg_catalog.regrole::pg_catalog.text
            FROM pg_catalog.pg_proc CROSS JOIN pg_catalog.aclexplode(proacl)
            WHERE pg_proc.oid OPERATOR(pg_catalog.=) erasing.oid
                AND grantee OPERATOR(pg_catalog.<>) erasing.owner AND grantee OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
        LOOP
            EXECUTE pg_catalog.concat('REVOKE ALL ON FUNCTION ', erasing.name, ' FROM ', other, ' CASCADE');
        END LOOP;
    END LOOP;
END
$$
