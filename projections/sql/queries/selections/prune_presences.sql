-- Presences without a sign of life for longer than the age, except those that rows of other tables refer to. Without a
-- foreign key that could prevent a prune, which is asked once, no presence is asked about. Rows that another transaction
-- has locked are left for the next prune. PostgreSQL checks each row again when it has the lock, so a row that was
-- touched meanwhile is kept.
--
-- A presence that depends on a lease is silent only if the lease is. The lock on the lease keeps a beat from being
-- missed. Only leases of silent presences are locked, because their beats wait for this transaction. An old snapshot may
-- lack a lease.
--
-- Stays on the lease of a live process are not read: the processes and the stays on no lease come from the index of leases.
-- The planner expects more silent presences than there are. OFFSET and ARRAY make it look them up one by one.
WITH RECURSIVE
-- include projections queries/leases/leased_processes
, cutoff AS MATERIALIZED (
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
    SELECT p.id
    FROM (
        SELECT name FROM silent
        UNION ALL
        SELECT name
        FROM leased_process
        WHERE NOT EXISTS (SELECT FROM presence_process AS lease WHERE lease.name = leased_process.name)
            AND current_setting('transaction_isolation') <> ALL ('{{repeatable read,serializable}}')
    ) AS lease
    CROSS JOIN LATERAL (
        SELECT id FROM presence_open_stay WHERE process = lease.name AND is_leased OFFSET 0
    ) AS p
)
SELECT 'prune', p.room, p.channel_name, p.user_id, NULL::jsonb, p.id, 0, NULL::boolean
FROM presence_open_stay AS p
WHERE p.id = ANY (ARRAY(SELECT id FROM found))
    AND p.touched_at < (SELECT at FROM cutoff)
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
