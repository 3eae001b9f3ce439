-- The events of a range of the log, each as the canonical line of docs/seals.md and the commitment of what was erased. Times
-- are microseconds since 1970.
COPY (
    SELECT
        id,
        kind,
        room,
        channel_name,
        session,
        (extract(epoch FROM at) * 1000000)::bigint,
        (extract(epoch FROM since) * 1000000)::bigint,
        (extract(epoch FROM last_seen) * 1000000)::bigint,
        process,
        is_leased,
        capacity,
        is_exclusive,
        user_id,
        data,
        commitment
    FROM presence_event
    WHERE id > {after} AND id <= {up_to} AND {days}
    ORDER BY id
    LIMIT {limit}
) TO STDOUT WITH (FORMAT text, ENCODING 'UTF8')
