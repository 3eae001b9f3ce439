-- The checkpoints, and whether somebody leads (projections.leading). Advisory locks are not replicated: on a standby
-- nobody can know who leads on the primary.
SELECT
    name,
    mark::text,
    CASE WHEN NOT pg_is_in_recovery() THEN EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1 AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (classid::bigint << 32) | objid::bigint = hashtextextended('presence:' || name, 0)
    ) END
FROM presence_checkpoint
ORDER BY name
