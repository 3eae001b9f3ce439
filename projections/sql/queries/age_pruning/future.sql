-- The presences that were last seen in the future, with the transaction that wrote each last, and the one that wrote its
-- lease last if it depends on one.
SELECT p.id, p.xmin::text, lease.xmin::text
FROM presence_open_stay AS p
LEFT JOIN presence_process AS lease ON p.is_leased AND lease.name = p.process
WHERE greatest(p.touched_at, lease.seen_at) > clock_timestamp() + make_interval(secs => %(tolerance)s)
