-- The open transactions that have appended to the log, but for this one, and the ids they have been given, if any: locks
-- know the lower half of each, and it is near the id that comes next.
SELECT
    relation_lock.virtualtransaction,
    relation_lock.pid,
    near.id - CASE
        WHEN near.id - next.id > 2147483648 THEN 4294967296
        WHEN next.id - near.id > 2147483648 THEN -4294967296
        ELSE 0
    END
FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS id) AS next
CROSS JOIN pg_locks AS relation_lock
LEFT JOIN pg_locks AS own_lock
    ON own_lock.virtualtransaction = relation_lock.virtualtransaction
    AND own_lock.locktype = 'transactionid' AND own_lock.mode = 'ExclusiveLock' AND own_lock.granted
LEFT JOIN LATERAL (
    SELECT next.id - next.id % 4294967296 + own_lock.transactionid::text::bigint AS id
) AS near ON true
WHERE relation_lock.relation = 'presence_event'::regclass
    AND relation_lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relation_lock.mode = 'RowExclusiveLock' AND relation_lock.granted
    AND relation_lock.pid IS DISTINCT FROM pg_backend_pid()
