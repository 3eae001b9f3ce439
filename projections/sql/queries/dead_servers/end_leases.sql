-- Ends the leases of dead processes that have no more connections to prune. Returns the names of the processes.
INSERT INTO presence_event (kind, room, process)
SELECT 'prune', '', lease.name
FROM unnest(%(names)s::text[], %(seen)s::bigint[]) AS dead (name, seen)
JOIN presence_process AS lease ON lease.name = dead.name
WHERE (extract(epoch FROM lease.seen_at) * 1000000)::bigint = dead.seen
    AND NOT EXISTS (
        SELECT
        FROM presence_open_stay AS p
        WHERE p.process = lease.name AND (
            p.is_leased
            OR p.touched_at - make_interval(secs => %(grace)s) <= lease.seen_at
            OR p.touched_at > clock_timestamp()
        )
    )
ORDER BY lease.name
RETURNING process
