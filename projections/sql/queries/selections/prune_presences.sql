-- Presences without a sign of life for longer than the age, except those that rows of other tables refer to. Without a
-- foreign key that could prevent a prune, which is asked once, no presence is asked about. Rows that another transaction
-- has locked are left for the next prune. PostgreSQL checks each row again when it has the lock, so a row that was
-- touched meanwhile is kept.
SELECT 'prune', room, channel_name, user_id, NULL::jsonb, id, 0
FROM presence
WHERE last_seen < statement_timestamp() - make_interval(secs => %(age)s)
    AND (%(room)s::text IS NULL OR room = %(room)s::text)
    AND (
        NOT EXISTS (
            SELECT FROM pg_catalog.pg_constraint
            WHERE contype = 'f' AND confrelid = 'presence'::regclass AND confdeltype = ANY ('{{a,r}}'::"char"[])
        )
        OR NOT presence_is_referenced('presence', 'id', id::text)
    )
ORDER BY room, channel_name
FOR UPDATE SKIP LOCKED
