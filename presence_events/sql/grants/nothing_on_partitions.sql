-- Rights on the log are enough for its partitions. With rights on a partition itself, a role could create triggers on it.
DO $$
DECLARE
    rights record;
BEGIN
    FOR rights IN
        SELECT DISTINCT
            class.oid::pg_catalog.regclass AS partition,
            CASE
                WHEN acl.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC'
                ELSE acl.grantee::pg_catalog.regrole::pg_catalog.text
            END AS grantee
        FROM pg_catalog.pg_partition_tree('presence_event') AS tree
        JOIN pg_catalog.pg_class AS class ON class.oid OPERATOR(pg_catalog.=) tree.relid
        LEFT JOIN pg_catalog.pg_attribute AS own ON own.attrelid OPERATOR(pg_catalog.=) class.oid
        CROSS JOIN LATERAL (
            SELECT grantee FROM pg_catalog.aclexplode(class.relacl)
            UNION ALL
            SELECT grantee FROM pg_catalog.aclexplode(own.attacl)
        ) AS acl
        WHERE tree.level OPERATOR(pg_catalog.>) 0 AND acl.grantee OPERATOR(pg_catalog.<>) class.relowner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON %s FROM %s', rights.partition, rights.grantee);
    END LOOP;
END
$$;
