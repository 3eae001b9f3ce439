-- A snapshot, the last position that it may see, and the position after which the given transactions that have ended by
-- now may have appended.
SELECT
    pg_current_snapshot()::text,
    coalesce(pg_sequence_last_value('presence_event_id_seq'), 0),
    (
        SELECT min(above)
        FROM unnest(%(open)s::bigint[], %(above)s::bigint[]) AS open (id, above)
        WHERE pg_visible_in_snapshot(id::text::xid8, pg_current_snapshot())
    )
