-- Presences without a sign of life for longer than the age, except those that rows of other tables refer to. Without a
-- foreign key that could prevent a prune, which is asked once, no presence is asked about. Rows that another transaction
-- has locked are left for the next prune. PostgreSQL checks each row again when it has the lock, so a row that was
-- touched meanwhile is kept.
--
-- A presence that depends on a lease is silent only if the lease is. The lock on the lease keeps a beat from being
-- missed. Only leases of silent presences are locked, because their beats wait for this transaction. An old snapshot may
-- lack a lease.
WITH cutoff AS MATERIALIZED (
    SELECT statement_timestamp() - make_interval(secs => %(age)s) AS at
), silent AS MATERIALIZED (
    SELECT lease.name
    FROM presence_process AS lease
    WHERE lease.seen_at < (SELECT at FROM cutoff)
        AND EXISTS (
            SELECT FROM presence_open_stay AS p
            WHERE p.process = lease.name AND p.is_leased AND p.touched_at < (SELECT at FROM cutoff)
                AND (%(room)s::text IS NULL OR p.room = %(room)s::text)
        )
    FOR NO KEY UPDATE OF lease SKIP LOCKED
), found AS MATERIALIZED (
    SELECT id FROM presence_open_stay
    WHERE NOT is_leased AND touched_at < (SELECT at FROM cutoff)
        AND (%(room)s::text IS NULL OR room = %(room)s::text)
    UNION ALL
    SELECT p.id FROM silent JOIN presence_open_stay AS p ON p.process = silent.name AND p.is_leased
    UNION ALL
    SELECT p.id FROM presence_open_stay AS p
    WHERE p.is_leased AND NOT EXISTS (SELECT FROM presence_process AS lease WHERE lease.name = p.process)
        AND current_setting('transaction_isolation') <> ALL ('{{repeatable read,serializable}}')
)
SELECT 'prune', p.room, p.channel_name, p.user_id, NULL::jsonb, p.id, 0, NULL::boolean
FROM found
JOIN presence_open_stay AS p ON p.id = found.id
WHERE p.touched_at < (SELECT at FROM cutoff)
    AND (%(room)s::text IS NULL OR p.room = %(room)s::text)
    AND (
        NOT EXISTS (
            SELECT FROM pg_catalog.pg_constraint
            WHERE contype = 'f' AND confrelid = 'presence_open_stay'::regclass
                AND confdeltype = ANY ('{{a,r}}'::"char"[])
        )
        OR NOT presence_is_referenced('presence_open_stay', 'id', p.id::text)
    )
ORDER BY p.room, p.channel_name
FOR UPDATE OF p SKIP LOCKED
