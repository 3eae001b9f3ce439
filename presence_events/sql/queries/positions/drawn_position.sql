-- This function reads the sequence under its lock. A SELECT from the sequence may be up to 32 ahead while it is being
-- written to the WAL. Without the privilege to read the sequence, the function raises an error or returns null, depending
-- on the version of PostgreSQL.
SELECT
    pg_is_in_recovery(),
    may_read,
    CASE WHEN may_read THEN coalesce(pg_sequence_last_value('presence_event_id_seq'), 0) ELSE 0 END
FROM has_sequence_privilege('presence_event_id_seq', 'SELECT') AS may_read
