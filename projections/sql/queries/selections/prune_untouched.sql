-- The presences that are as these transactions have written them. PostgreSQL checks each row again when it has the lock,
-- so a row that was touched meanwhile is kept.
SELECT 'prune', p.room, p.channel_name, p.user_id, NULL::jsonb, p.id, 0
FROM unnest(%(sessions)s::bigint[], %(writers)s::text[]) AS untouched (session, writer)
JOIN presence AS p ON p.id = untouched.session AND p.xmin::text = untouched.writer
ORDER BY p.room, p.channel_name
FOR UPDATE OF p SKIP LOCKED
