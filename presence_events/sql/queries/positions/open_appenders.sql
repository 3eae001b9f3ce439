-- The open transactions that have appended to the log, except this one.
SELECT virtualtransaction, pid
FROM pg_locks
WHERE relation = 'presence_event'::regclass
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND mode = 'RowExclusiveLock' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
