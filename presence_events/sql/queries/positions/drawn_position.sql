-- This function reads the sequence under its lock. A SELECT from the sequence may be up to 32 ahead while it is being
-- written to the WAL. Without the privilege to read the sequence, the function returns null, as if no position had been
-- drawn yet.
SELECT
    pg_is_in_recovery(),
    has_sequence_privilege('presence_event_id_seq', 'SELECT'),
    coalesce(pg_sequence_last_value('presence_event_id_seq'), 0)
