-- Creates a table with the columns, constraints and indexes of the log, beside the log. Only its owner has rights on it.
CREATE FUNCTION presence_create_segment(name text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    schema pg_catalog.text;
    other pg_catalog.text;
BEGIN
    SELECT n.nspname INTO STRICT schema
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass;
    EXECUTE pg_catalog.format(
        'CREATE TABLE %1$I.%2$I (LIKE %1$I.presence_event INCLUDING ALL);
        ALTER TABLE %1$I.%2$I ADD PRIMARY KEY (id)',
        schema,
        name
    );
    -- ALTER DEFAULT PRIVILEGES may have granted rights to roles.
    FOR other IN
        SELECT DISTINCT
            CASE
                WHEN grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC'
                ELSE grantee::pg_catalog.regrole::pg_catalog.text
            END
        FROM pg_catalog.pg_class CROSS JOIN pg_catalog.aclexplode(relacl)
        WHERE oid OPERATOR(pg_catalog.=) pg_catalog.format('%I.%I', schema, name)::pg_catalog.regclass
            AND grantee OPERATOR(pg_catalog.<>) relowner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON %I.%I FROM %s', schema, name, other);
    END LOOP;
END;
$$
