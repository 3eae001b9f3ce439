SELECT 'touch', p.room, p.channel_name, NULL::{user_id}, touched.data, NULL::bigint, 0
FROM unnest(%(channel_names)s::text[], %(data)s::jsonb[]) AS touched (channel_name, data)
JOIN presence AS p ON p.channel_name = touched.channel_name
