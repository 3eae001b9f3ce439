SELECT 'touch', p.room, p.channel_name, NULL::{user_id}, beat.data, NULL::bigint, 0
FROM unnest(%(channel_names)s::text[], %(data)s::jsonb[]) AS beat (channel_name, data)
JOIN presence AS p ON p.channel_name = beat.channel_name
