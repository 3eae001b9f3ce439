-- What is wrong with a function that recording calls, if the tables exist.
SELECT
    CASE
        WHEN function.oid IS NULL THEN 'does not exist'
        WHEN function.prosrc OPERATOR(pg_catalog.<>) %(body)s THEN 'has another body'
        WHEN function.prosecdef THEN 'has the rights of its owner'
        ELSE 'belongs to another role'
    END
FROM pg_catalog.pg_class AS class
LEFT JOIN pg_catalog.pg_proc AS function
    ON function.oid OPERATOR(pg_catalog.=) pg_catalog.to_regprocedure(%(function)s)
WHERE class.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('presence_open_stay')
    AND pg_catalog.to_regclass('presence_event') IS NOT NULL
    AND (
        function.oid IS NULL
        OR function.prosrc OPERATOR(pg_catalog.<>) %(body)s
        OR function.prosecdef
        OR NOT pg_catalog.pg_has_role(function.proowner, class.relowner, 'USAGE')
    )
