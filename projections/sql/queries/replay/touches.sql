-- The last touch of each of these stays in a range of the log: its time, the position of the last one with data, and that
-- of the last one that said whether the stay depends on a lease.
SELECT session, max(at), max(id) FILTER (WHERE data IS NOT NULL), max(id) FILTER (WHERE is_leased IS NOT NULL)
FROM presence_event
WHERE id > %(after)s AND id <= %(up_to)s AND kind = 'touch' AND session = ANY(%(sessions)s::bigint[])
    AND (%(moment)s::timestamptz IS NULL OR at <= %(moment)s)
    AND (%(snapshot)s::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(tx, %(snapshot)s::pg_snapshot))
GROUP BY session
