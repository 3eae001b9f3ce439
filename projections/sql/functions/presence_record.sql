-- Appends the joins, leaves and touches of connections: in the room, or without one in all rooms that the connection is
-- in. Returns the events, with times in microseconds since 1970. Joins are claimed for the process. lock_timeout is how
-- long the rest of the transaction waits for a lock; NULL leaves that as it is.
--
-- It does what the same INSERT of a client does, with the rights of the caller. PostgreSQL parses and plans an INSERT
-- anew each time, which takes longer than all else for a single event. PL/pgSQL keeps the plan as long as the database
-- connection is open, also behind a pooler. So the plan must not depend on the arguments, nor on how large the tables were
-- at first: a sequential scan would stay.
--
-- The type of user keys comes with the arguments, so it can change. While it changes, the column may still have the
-- smaller one, or have the larger one already: the arguments have bigint or text. user_ids[0] is a null of that type.
CREATE FUNCTION presence_record(
    kinds text[], rooms text[], channel_names text[], user_ids anyarray, datas jsonb[], are_leased boolean[],
    claimed_for text, lock_timeout text
)
RETURNS TABLE (
    id bigint, kind text, room text, channel_name text, user_id anyelement, session bigint, since bigint,
    last_seen bigint, data jsonb, process text, is_leased boolean, capacity integer, is_exclusive boolean, at bigint,
    tx xid8, day date
)
LANGUAGE plpgsql SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    IF lock_timeout IS NOT NULL THEN
        PERFORM pg_catalog.set_config('lock_timeout', lock_timeout, true);
    END IF;
    RETURN QUERY
    WITH change AS (
        SELECT *, NULL::pg_catalog.int8 AS session
        FROM unnest(kinds, rooms, channel_names, user_ids, datas, are_leased)
            AS c (kind, room, channel_name, user_id, data, is_leased)
    )
    INSERT INTO presence_event (kind, room, channel_name, user_id, data, session, process, is_leased)
    SELECT
        kind, room, channel_name, user_id, data, session,
        CASE WHEN kind = 'join' OR is_leased THEN claimed_for END,
        is_leased
    FROM (
-- include projections queries/selections/of_changes
    ) AS draft (kind, room, channel_name, user_id, data, session, step, is_leased)
    ORDER BY room COLLATE "C", channel_name COLLATE "C" NULLS FIRST, step
    RETURNING
        id, kind, room, channel_name, coalesce(user_ids[0], user_id), session, (extract(epoch FROM since) * 1000000)::bigint,
        (extract(epoch FROM last_seen) * 1000000)::bigint, data, process, is_leased, capacity, is_exclusive,
        (extract(epoch FROM at) * 1000000)::bigint, tx, day;
END;
$$
