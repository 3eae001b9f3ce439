-- Deletes dead processes that have no more connections to prune.
DELETE FROM presence_process AS process
USING unnest(%(names)s::text[], %(seen)s::bigint[]) AS dead (name, seen)
WHERE process.name = dead.name
    AND CASE
        WHEN process.seen_at BETWEEN '1970-01-01 00:00:00+00' AND '9999-12-31 00:00:00+00'
        THEN (extract(epoch FROM process.seen_at) * 1000000)::bigint = dead.seen
    END
    AND NOT EXISTS (
        SELECT
        FROM presence AS p
        WHERE p.process = process.name
            AND (p.last_seen - make_interval(secs => %(grace)s) <= process.seen_at OR p.last_seen > clock_timestamp())
    )
