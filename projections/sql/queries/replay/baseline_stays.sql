-- The stays of the baseline: the session, when it was last seen, and the process on whose lease it is, null if on none.
SELECT
    stay.id,
    greatest(stay.touched_at, lease.seen_at),
    CASE WHEN stay.is_leased THEN stay.process END
FROM presence_baseline_stay AS stay
LEFT JOIN presence_baseline_process AS lease ON stay.is_leased AND lease.name = stay.process
WHERE %(room)s::text IS NULL OR stay.room = %(room)s
