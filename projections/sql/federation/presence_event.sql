SELECT
    id,
    kind,
    room,
    channel_name,
    user_id,
    session,
    since,
    last_seen,
    data,
    process,
    is_leased,
    capacity,
    is_exclusive,
    at,
    tx,
    day,
    {alias}::text AS cluster
FROM {server}.presence_event
