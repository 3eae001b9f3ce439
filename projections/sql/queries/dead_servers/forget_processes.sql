-- Deletes dead processes that have no more connections to prune.
DELETE FROM presence_process AS process
USING unnest(%(names)s::text[], %(seen)s::bigint[]) AS dead (name, seen)
WHERE process.name = dead.name
    AND (extract(epoch FROM process.seen_at) * 1000000)::bigint = dead.seen
    AND NOT EXISTS (
        SELECT
        FROM presence AS p
        WHERE p.process = process.name
            AND (p.last_seen <= process.seen_at + make_interval(secs => %(grace)s) OR p.last_seen > clock_timestamp())
    )
