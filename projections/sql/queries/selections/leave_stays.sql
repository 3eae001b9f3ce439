SELECT 'leave', room, channel_name, user_id, NULL::jsonb, id, 0, NULL::boolean
FROM presence_open_stay
WHERE id = ANY(%(sessions)s::bigint[])
