-- The last event of each process in a range of the log: its position, and whether it ended the lease.
SELECT DISTINCT ON (process) process, id, kind = 'prune'
FROM presence_event
WHERE id > %(after)s AND id <= %(up_to)s AND room = ''
    AND (%(moment)s::timestamptz IS NULL OR at <= %(moment)s)
    AND (%(snapshot)s::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(tx, %(snapshot)s::pg_snapshot))
ORDER BY process, id DESC
