-- The ids of the open transactions that have appended to the log. Locks contain the lower half of each id; the whole id
-- is the one near the next id. A transaction without an id has drawn no position. A transaction has a lower id than its
-- savepoints.
--
-- Locks are read once. A transaction that is prepared for two-phase commit appears under another id from then on, and
-- two reads could miss it under both.
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
