-- The checkpoints, and the name of the main worker though it has none; whether somebody leads (projections._worker.leader_lock); and
-- the last position that was drawn, which is no lower than any that a checkpoint has reached, even if what was appended
-- there was rolled back. Advisory locks are not replicated: on a standby nobody can know who leads on the primary.
SELECT
    name,
    mark::text,
    CASE WHEN NOT pg_is_in_recovery() THEN EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1 AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (classid::bigint << 32) | objid::bigint = hashtextextended('presence:' || name, 0)
    ) END,
    CASE WHEN has_sequence_privilege('presence_event_id_seq', 'USAGE, SELECT')
        THEN coalesce(pg_sequence_last_value('presence_event_id_seq'), 0)
    END
FROM presence_checkpoint
FULL JOIN (SELECT %(main)s::text) AS worker (name) USING (name)
ORDER BY name
