-- The presences that belong to dead processes. The lock on the lease keeps a beat from being missed: a process that
-- renews its lease, or has renewed it meanwhile, or waits for a lock to do so, is not dead. A presence is kept if its last touch is too late to come
-- from its process. A last touch in the future says nothing: the clock was set back. Rows that another transaction has
-- locked are left for the next check.
WITH dead AS MATERIALIZED (
    SELECT lease.name, lease.seen_at
    FROM unnest(%(names)s::text[], %(seen)s::bigint[]) AS silent (name, seen)
    JOIN presence_process AS lease ON lease.name = silent.name
    WHERE (extract(epoch FROM lease.seen_at) * 1000000)::bigint = silent.seen
    FOR NO KEY UPDATE OF lease SKIP LOCKED
)
SELECT
    'prune',
    p.room,
    p.channel_name,
    p.user_id,
    jsonb_build_object('reason', %(reason)s::text, 'process', p.process),
    p.id,
    0,
    NULL::boolean
FROM dead
JOIN presence_open_stay AS p ON p.process = dead.name AND p.is_leased = ANY ('{{true,false}}')
WHERE p.touched_at - make_interval(secs => %(grace)s) <= dead.seen_at OR p.touched_at > clock_timestamp()
ORDER BY p.room, p.channel_name
FOR UPDATE OF p SKIP LOCKED
