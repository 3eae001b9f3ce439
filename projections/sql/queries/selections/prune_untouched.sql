-- The presences that are as these transactions have written them and, if they depend on a lease, their leases. PostgreSQL
-- checks each row again when it has the lock, so a row that was touched meanwhile is kept.
WITH untouched AS MATERIALIZED (
    SELECT * FROM unnest(%(sessions)s::bigint[], %(writers)s::text[], %(beats)s::text[]) AS u (session, writer, beat)
), lease AS MATERIALIZED (
    SELECT name, xmin::text AS beat
    FROM presence_process
    WHERE xmin::text IN (SELECT beat FROM untouched)
    FOR NO KEY UPDATE SKIP LOCKED
)
SELECT 'prune', p.room, p.channel_name, p.user_id, NULL::jsonb, p.id, 0, NULL::boolean
FROM untouched AS u
JOIN presence_open_stay AS p ON p.id = u.session AND p.xmin::text = u.writer
WHERE u.beat IS NULL OR EXISTS (SELECT FROM lease AS l WHERE l.name = p.process AND l.beat = u.beat)
ORDER BY p.room, p.channel_name
FOR UPDATE OF p SKIP LOCKED
