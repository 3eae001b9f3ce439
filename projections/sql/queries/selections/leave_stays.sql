SELECT 'leave', room, channel_name, user_id, NULL::jsonb, id, 0
FROM presence
WHERE id = ANY(%(sessions)s::bigint[])
