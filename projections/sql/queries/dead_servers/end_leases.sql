-- Ends the leases of dead processes that have no more connections to prune. Returns the names of the processes. Leases
-- that another transaction has locked are left for the next check. PostgreSQL checks each lease again when it has the
-- lock, so one that was renewed meanwhile is kept.
INSERT INTO presence_event (kind, room, process)
SELECT 'prune', '', lease.name
FROM (
    SELECT l.name
    FROM unnest(%(names)s::text[], %(seen)s::bigint[]) AS dead (name, seen)
    JOIN presence_process AS l ON l.name = dead.name
    WHERE (extract(epoch FROM l.seen_at) * 1000000)::bigint = dead.seen
        AND NOT EXISTS (
            SELECT
            FROM presence_open_stay AS p
            WHERE p.process = l.name AND p.is_leased = ANY ('{true,false}') AND (
                p.is_leased
                OR p.touched_at - make_interval(secs => %(grace)s) <= l.seen_at
                OR p.touched_at > clock_timestamp()
            )
        )
    ORDER BY l.name
    FOR UPDATE OF l SKIP LOCKED
) AS lease
RETURNING process
