-- Writes the row of the leader, unless another process leads under the name. Of two concurrent statements, the second
-- waits for the first, and then sees that it leads.
INSERT INTO presence_leader AS leader (name, pid, role, key, since)
SELECT %(name)s, pid, usesysid::bigint, %(key)s, clock_timestamp() FROM pg_stat_activity WHERE pid = pg_backend_pid()
ON CONFLICT (name) DO UPDATE
SET pid = excluded.pid, role = excluded.role, key = excluded.key, since = excluded.since
WHERE NOT EXISTS (
    SELECT
    FROM pg_locks AS held
    JOIN pg_stat_activity AS backend ON backend.pid = held.pid AND backend.usesysid::bigint = leader.role
    WHERE held.locktype = 'advisory' AND held.objsubid = 1 AND held.granted AND held.pid = leader.pid
        AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (held.classid::bigint << 32) | held.objid::bigint = leader.key
)
RETURNING true
