-- Whether this is a standby, whether a process leads under the name, and whether it is this database connection with
-- the given key. A leader holds the advisory lock with the key in its row, and has logged in as the role in its row.
-- Other holders of that lock do not count.
SELECT
    pg_is_in_recovery(),
    count(*) > 0,
    count(*) FILTER (WHERE leader.pid = pg_backend_pid() AND leader.key = %(key)s::bigint) > 0
FROM presence_leader AS leader
JOIN pg_stat_activity AS backend ON backend.pid = leader.pid AND backend.usesysid::bigint = leader.role
JOIN pg_locks AS held
    ON held.locktype = 'advisory' AND held.objsubid = 1 AND held.granted AND held.pid = leader.pid
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (held.classid::bigint << 32) | held.objid::bigint = leader.key
WHERE leader.name = %(name)s
