-- Writes the row of the leader, unless another process leads under the name. Of two concurrent statements, the second
-- waits for the first, and then sees that it leads.
INSERT INTO presence_leader AS leader (name, pid, key, since)
VALUES (%(name)s, pg_backend_pid(), %(key)s, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET pid = excluded.pid, key = excluded.key, since = excluded.since
WHERE NOT EXISTS (
    SELECT
    FROM pg_locks AS held
    WHERE held.locktype = 'advisory' AND held.objsubid = 1 AND held.granted AND held.pid = leader.pid
        AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (held.classid::bigint << 32) | held.objid::bigint = leader.key
)
RETURNING true
