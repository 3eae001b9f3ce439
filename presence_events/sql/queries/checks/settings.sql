-- Settings for roles of this database that switch its triggers off, or let TRUNCATE pass them: the setting with its
-- value, and for whom it is.
SELECT
    setting.text,
    CASE
        WHEN setrole OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
            THEN pg_catalog.concat('the role ', setrole::pg_catalog.regrole)
        ELSE 'all roles'
    END
FROM pg_catalog.pg_db_role_setting
CROSS JOIN unnest(setconfig) AS setting (text)
WHERE setdatabase OPERATOR(pg_catalog.=) ANY (
        SELECT 0::pg_catalog.oid
        UNION ALL
        SELECT oid FROM pg_catalog.pg_database
        WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
    )
    AND pg_catalog.lower(setting.text) OPERATOR(pg_catalog.=) ANY (
        ARRAY[
            'session_replication_role=replica',
            pg_catalog.lower(pg_catalog.concat('presence_events.test_database=', pg_catalog.current_database()))
        ]
    )
ORDER BY 1, 2
