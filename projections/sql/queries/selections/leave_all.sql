SELECT 'leave', room, channel_name, user_id, NULL::jsonb, id, 0
FROM presence
WHERE channel_name = ANY(%(channel_names)s::text[])
