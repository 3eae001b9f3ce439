-- What is wrong with the partitions of the log, and with the function of their triggers. Statements on a single partition
-- fire only its own triggers: the guard, which refuses them, and copies of the row triggers of the log.
WITH log AS (
    SELECT oid, relowner, relnamespace
    FROM pg_catalog.pg_class
    WHERE oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('presence_event')
        AND relkind OPERATOR(pg_catalog.=) 'p'::pg_catalog."char"
), partition AS (
    SELECT class.*, tree.isleaf, log.relowner AS log_owner
    FROM log
    CROSS JOIN pg_catalog.pg_partition_tree(log.oid) AS tree
    JOIN pg_catalog.pg_class AS class ON class.oid OPERATOR(pg_catalog.=) tree.relid
    WHERE tree.relid::pg_catalog.oid OPERATOR(pg_catalog.<>) log.oid
)
SELECT partition.relname, found.fault
FROM partition
LEFT JOIN presence_segment AS segment ON segment.name OPERATOR(pg_catalog.=) partition.relname
CROSS JOIN LATERAL (
    VALUES
        (partition.relpersistence OPERATOR(pg_catalog.<>) 'p'::pg_catalog."char", 'is not permanent'),
        (partition.relowner OPERATOR(pg_catalog.<>) partition.log_owner, 'belongs to another role than the log'),
        (partition.isleaf AND segment.name IS NULL, 'is not in the table presence_segment'),
        (
            partition.isleaf AND NOT EXISTS (
                SELECT
                FROM pg_catalog.pg_constraint
                WHERE conrelid OPERATOR(pg_catalog.=) partition.oid
                    AND contype OPERATOR(pg_catalog.=) 'p'::pg_catalog."char"
                    AND conkey OPERATOR(pg_catalog.=) ARRAY[(
                        SELECT attnum
                        FROM pg_catalog.pg_attribute
                        WHERE attrelid OPERATOR(pg_catalog.=) partition.oid AND attname OPERATOR(pg_catalog.=) 'id'
                    )]
            ),
            'has no primary key by id'
        ),
        (
            NOT EXISTS (
                SELECT
                FROM pg_catalog.pg_trigger
                JOIN pg_catalog.pg_proc ON pg_proc.oid OPERATOR(pg_catalog.=) tgfoid
                JOIN log ON log.relnamespace OPERATOR(pg_catalog.=) pronamespace
                WHERE tgrelid OPERATOR(pg_catalog.=) partition.oid
                    AND proname OPERATOR(pg_catalog.=) 'presence_segment_guard'
                    AND tgtype OPERATOR(pg_catalog.=) 62  -- BEFORE INSERT, UPDATE, DELETE or TRUNCATE
                    AND tgqual IS NULL
                    AND tgenabled OPERATOR(pg_catalog.=) ANY ('{O,A}'::pg_catalog."char"[])
            ),
            'has no enabled trigger presence_segment_guard, so it accepts statements of its own'
        ),
        (
            EXISTS (
                SELECT
                FROM pg_catalog.pg_trigger AS copy
                JOIN pg_catalog.pg_trigger AS original ON original.oid OPERATOR(pg_catalog.=) copy.tgparentid
                WHERE copy.tgrelid OPERATOR(pg_catalog.=) partition.oid
                    AND copy.tgenabled OPERATOR(pg_catalog.<>) original.tgenabled
            ),
            'has row triggers that are enabled otherwise than those of the log'
        )
) AS found (is_found, fault)
WHERE found.is_found
UNION ALL
SELECT segment.name, 'does not exist, and presence_segment has it'
FROM presence_segment AS segment
WHERE segment.state OPERATOR(pg_catalog.=) ANY (ARRAY['open', 'closed']::pg_catalog.text[])
    AND EXISTS (SELECT FROM log)
    AND NOT EXISTS (SELECT FROM partition WHERE relname OPERATOR(pg_catalog.=) segment.name)
UNION ALL
SELECT
    'presence_segment_guard',
    CASE
        WHEN function.oid IS NULL THEN 'has no function'
        WHEN function.prosrc OPERATOR(pg_catalog.<>) %(body)s THEN 'has a function with another body'
        ELSE 'has a function of another role'
    END
FROM log
LEFT JOIN pg_catalog.pg_proc AS function
    ON function.pronamespace OPERATOR(pg_catalog.=) log.relnamespace
    AND function.proname OPERATOR(pg_catalog.=) 'presence_segment_guard'
WHERE function.oid IS NULL
    OR function.prosrc OPERATOR(pg_catalog.<>) %(body)s
    OR NOT pg_catalog.pg_has_role(function.proowner, log.relowner, 'USAGE')
ORDER BY 1, 2
