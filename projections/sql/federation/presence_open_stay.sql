SELECT
    id,
    room,
    channel_name,
    user_id,
    joined_at,
    last_seen,
    last_seen AS touched_at,
    data,
    process,
    is_leased,
    CASE WHEN is_exclusive THEN room END AS exclusive_room,
    {alias}::text AS cluster
FROM {server}.presence
