SELECT
    session,
    room,
    channel_name,
    user_id,
    joined_at,
    left_at,
    last_seen,
    is_open,
    ended_by,
    reason,
    duration,
    day,
    {alias}::text AS cluster
FROM {server}.presence_session
