SELECT 'leave', room, channel_name, user_id, %(data)s::jsonb, id
FROM presence
WHERE channel_name = ANY(%(channel_names)s::text[])
ORDER BY room, channel_name
