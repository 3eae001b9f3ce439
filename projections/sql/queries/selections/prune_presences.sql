-- Presences without a sign of life for longer than the age, except those that rows of other tables refer to. Without a
-- foreign key that could prevent a prune, which is asked once, no presence is asked about. Rows that another transaction
-- has locked are left for the next prune. PostgreSQL checks each row again when it has the lock, so a row that was
-- touched meanwhile is kept.
--
-- A presence that depends on a lease is silent only if the lease is. The lock on the lease keeps a beat from being
-- missed.
WITH silent AS MATERIALIZED (
    SELECT name
    FROM presence_process
    WHERE seen_at < statement_timestamp() - make_interval(secs => %(age)s)
    FOR SHARE SKIP LOCKED
)
SELECT 'prune', room, channel_name, user_id, NULL::jsonb, id, 0, NULL::boolean
FROM presence_open_stay
WHERE touched_at < statement_timestamp() - make_interval(secs => %(age)s)
    AND (%(room)s::text IS NULL OR room = %(room)s::text)
    AND (
        NOT is_leased
        OR process IN (SELECT name FROM silent)
        OR NOT EXISTS (SELECT FROM presence_process AS lease WHERE lease.name = process)
    )
    AND (
        NOT EXISTS (
            SELECT FROM pg_catalog.pg_constraint
            WHERE contype = 'f' AND confrelid = 'presence_open_stay'::regclass
                AND confdeltype = ANY ('{{a,r}}'::"char"[])
        )
        OR NOT presence_is_referenced('presence_open_stay', 'id', id::text)
    )
ORDER BY room, channel_name
FOR UPDATE SKIP LOCKED
