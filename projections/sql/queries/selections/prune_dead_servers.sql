-- The presences that belong to dead processes. A process that has renewed its row meanwhile is not dead. A presence
-- is kept if its last touch is too late to come from its process. A last touch in the future says nothing: the clock was
-- set back. Rows that another transaction has locked are left for the next check. For times that no clock shows, see
-- dead_servers/processes.sql.
SELECT
    'prune',
    p.room,
    p.channel_name,
    p.user_id,
    jsonb_build_object('reason', %(reason)s::text, 'process', p.process),
    p.id,
    0
FROM unnest(%(names)s::text[], %(seen)s::bigint[]) AS dead (name, seen)
JOIN presence AS p ON p.process = dead.name
JOIN presence_process AS process ON process.name = dead.name
WHERE CASE
        WHEN process.seen_at BETWEEN '1970-01-01 00:00:00+00' AND '9999-12-31 00:00:00+00'
        THEN (extract(epoch FROM process.seen_at) * 1000000)::bigint = dead.seen
    END
    AND (p.last_seen - make_interval(secs => %(grace)s) <= process.seen_at OR p.last_seen > clock_timestamp())
ORDER BY p.room, p.channel_name
FOR UPDATE OF p SKIP LOCKED
