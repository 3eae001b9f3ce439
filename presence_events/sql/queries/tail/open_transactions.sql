-- The ids of the open transactions that have appended to the log: locks know the lower half of each, and it is near the
-- id that comes next. Who has no id yet has drawn no position either. A transaction has a lower id than its savepoints.
--
-- Locks are looked at once: a transaction that is prepared for a commit in two phases is called something else from then
-- on, and between two looks it could be missed under both names.
WITH held AS MATERIALIZED (
    SELECT virtualtransaction, locktype, database, relation, transactionid
    FROM pg_locks
    WHERE granted AND (locktype = 'relation' AND mode = 'RowExclusiveLock'
        OR locktype = 'transactionid' AND mode = 'ExclusiveLock')
), next AS MATERIALIZED (
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS id
)
SELECT min(near.id - CASE
    WHEN near.id - next.id > 2147483648 THEN 4294967296
    WHEN next.id - near.id > 2147483648 THEN -4294967296
    ELSE 0
END)
FROM next
CROSS JOIN held AS log
JOIN held AS own ON own.virtualtransaction = log.virtualtransaction AND own.locktype = 'transactionid'
CROSS JOIN LATERAL (
    SELECT next.id - next.id % 4294967296 + own.transactionid::text::bigint AS id
) AS near
WHERE log.locktype = 'relation' AND log.relation = 'presence_event'::regclass
    AND log.database = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY log.virtualtransaction
