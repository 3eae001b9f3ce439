SELECT
    id,
    room,
    channel_name,
    user_id,
    joined_at,
    last_seen,
    data,
    process,
    is_leased,
    is_exclusive,
    {alias}::text AS cluster
FROM {server}.presence
