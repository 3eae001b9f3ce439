-- The transactions in this database that may have a snapshot from before. PostgreSQL shows roles without
-- pg_read_all_stats neither the snapshots nor the states of other roles; such a transaction counts. Autovacuum does not.
SELECT held.virtualxid, held.pid
FROM pg_catalog.pg_locks AS held
JOIN pg_catalog.pg_stat_activity AS backend ON backend.pid = held.pid
WHERE held.locktype = 'virtualxid' AND held.granted AND held.pid <> pg_catalog.pg_backend_pid()
    AND backend.datname = pg_catalog.current_database() AND backend.usesysid IS NOT NULL
    AND (backend.state IS NULL OR backend.backend_xmin IS NOT NULL)
