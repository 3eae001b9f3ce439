-- How long the oldest stays last, and how long the log is. Of the presences it reads those that are on no lease, and of the
-- log only the last event.
--
-- A stay on a lease was last seen no earlier than the lease. Only if all stays on a lease are newer than its last beat, or
-- if the lease is missing, their own times count.
WITH RECURSIVE
-- include projections queries/leases/leased_processes
SELECT
    statement_timestamp(),
    pg_is_in_recovery(),
    (SELECT count(*) FROM presence_room),
    (SELECT coalesce(max(id), 0) FROM presence_event WHERE {segments}),
    prepared.days,
    greatest(coalesce(extract(epoch FROM statement_timestamp() - oldest.joined_at), 0), 0)::float8,
    greatest(coalesce(extract(epoch FROM statement_timestamp() - unseen.since), 0), 0)::float8,
    letters.number,
    letters.last,
    letters.workers,
    (
        SELECT count(*) FROM presence_process
        WHERE seen_at > statement_timestamp() - make_interval(secs => %(dead_after)s)
    )
FROM (
    -- The numbers of stays are drawn in the order of joins.
    SELECT (SELECT joined_at FROM presence_open_stay ORDER BY id LIMIT 1) AS joined_at
) AS oldest
CROSS JOIN (
    SELECT least(
        (SELECT min(touched_at) FROM presence_open_stay WHERE NOT is_leased),
        (
            SELECT min(
                CASE
                    WHEN EXISTS (
                        SELECT FROM presence_open_stay AS p
                        WHERE p.process = lease.name AND p.is_leased AND p.touched_at <= lease.seen_at
                    ) THEN lease.seen_at
                    ELSE (
                        SELECT min(p.touched_at) FROM presence_open_stay AS p
                        WHERE p.process = leased_process.name AND p.is_leased
                    )
                END
            )
            FROM leased_process
            LEFT JOIN presence_process AS lease ON lease.name = leased_process.name
        )
    ) AS since
) AS unseen
CROSS JOIN (
    -- A log that has never been divided into segments counts from its first event.
    SELECT min(coalesce(first_day, (
        SELECT day FROM presence_event WHERE {segments} ORDER BY id LIMIT 1
    ) + %(undivided)s) - today.day) AS days
    FROM presence_segment
    CROSS JOIN (SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date AS day) AS today
    WHERE end_day IS NULL AND state = 'open'
) AS prepared
CROSS JOIN (
    SELECT count(*) AS number, max(id) AS last, coalesce(array_agg(DISTINCT worker), '{{}}') AS workers
    FROM (SELECT id, worker FROM presence_dead_letter ORDER BY id DESC LIMIT %(counted)s) AS letter
) AS letters
