-- The last touch of each of these stays in a range of the log: its time, and the position of the last one with data.
SELECT session, max(at), max(id) FILTER (WHERE data IS NOT NULL)
FROM presence_event
WHERE id > %(after)s AND id <= %(up_to)s AND kind = 'touch' AND session = ANY(%(sessions)s::bigint[])
    AND (%(moment)s::timestamptz IS NULL OR at <= %(moment)s)
    AND (%(snapshot)s::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(tx, %(snapshot)s::pg_snapshot))
GROUP BY session
