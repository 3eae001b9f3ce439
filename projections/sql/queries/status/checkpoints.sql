-- Each checkpoint with its mark, whether a process leads under its name (projections._worker.leader_lock), and the last
-- position that was drawn. The main worker is included even if it has no checkpoint.
--
-- No checkpoint can be past the last drawn position, even if the event with that position was rolled back. Advisory
-- locks are not replicated, so a standby cannot see who leads on the primary.
SELECT
    name,
    mark::text,
    CASE WHEN NOT pg_is_in_recovery() THEN EXISTS (
        SELECT FROM pg_locks AS held
        JOIN pg_stat_activity AS backend ON backend.pid = held.pid AND backend.usesysid::bigint = leader.role
        WHERE held.locktype = 'advisory' AND held.objsubid = 1 AND held.granted AND held.pid = leader.pid
            AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (held.classid::bigint << 32) | held.objid::bigint = leader.key
    ) END,
    CASE WHEN has_sequence_privilege('presence_event_id_seq', 'USAGE, SELECT')
        THEN coalesce(pg_sequence_last_value('presence_event_id_seq'), 0)
    END
FROM presence_checkpoint
FULL JOIN (SELECT %(main)s::text) AS worker (name) USING (name)
LEFT JOIN presence_leader AS leader USING (name)
ORDER BY name
