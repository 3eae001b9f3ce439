-- Rows that somebody else holds are left for the next sweep. A row that was touched after this statement began is
-- looked at again under the lock, and stays.
SELECT 'prune', room, channel_name, user_id, NULL::jsonb, id, 0
FROM presence
WHERE last_seen < statement_timestamp() - make_interval(secs => %(age)s)
    AND (%(room)s::text IS NULL OR room = %(room)s::text)
ORDER BY room, channel_name
FOR UPDATE SKIP LOCKED
