-- The last position that was drawn. A SELECT from the sequence may see it up to 32 ahead, while it is written to the WAL.
SELECT pg_is_in_recovery(), coalesce(pg_sequence_last_value('presence_event_id_seq'), 0)
