-- When these stays were last touched in a stretch of the log, and where they last said something new of themselves.
SELECT session, max(at), max(id) FILTER (WHERE data IS NOT NULL)
FROM presence_event
WHERE id > %(after)s AND id <= %(upto)s AND kind = 'touch' AND session = ANY(%(sessions)s::bigint[])
    AND (%(moment)s::timestamptz IS NULL OR at <= %(moment)s)
    AND (%(snapshot)s::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(tx, %(snapshot)s::pg_snapshot))
GROUP BY session
