-- Functions with the rights of the owner of the log run in its schema. Only the owner may call them until a file of grants
-- gives a role EXECUTE. Triggers have that already.
DO $$
DECLARE
    schema pg_catalog.text;
    definer record;
    other pg_catalog.text;
BEGIN
    SELECT relnamespace::pg_catalog.regnamespace::pg_catalog.text INTO STRICT schema
    FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass;
    FOR definer IN
        SELECT p.oid, p.oid::pg_catalog.regprocedure AS name, p.proowner AS owner
        FROM pg_catalog.pg_proc AS p
        JOIN pg_catalog.pg_class AS c ON c.relnamespace OPERATOR(pg_catalog.=) p.pronamespace
        WHERE c.oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass
            AND p.proname OPERATOR(pg_catalog.~)
                '^presence_((begin|record|end)_erasure|erase_[a-z]+|pseudonym|forget_[a-z]+)$'
            AND p.prosecdef
    LOOP
        EXECUTE pg_catalog.concat('ALTER FUNCTION ', definer.name, ' SET search_path = ', schema, ', pg_temp');
        EXECUTE pg_catalog.concat('REVOKE ALL ON FUNCTION ', definer.name, ' FROM PUBLIC');
        -- ALTER DEFAULT PRIVILEGES may have granted EXECUTE to roles.
        FOR other IN
            SELECT DISTINCT grantee::pg_catalog.regrole::pg_catalog.text
            FROM pg_catalog.pg_proc CROSS JOIN pg_catalog.aclexplode(proacl)
            WHERE pg_proc.oid OPERATOR(pg_catalog.=) definer.oid
                AND grantee OPERATOR(pg_catalog.<>) definer.owner AND grantee OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
        LOOP
            EXECUTE pg_catalog.concat('REVOKE ALL ON FUNCTION ', definer.name, ' FROM ', other, ' CASCADE');
        END LOOP;
    END LOOP;
END
$$
