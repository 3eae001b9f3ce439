SELECT 'touch', p.room, p.channel_name, NULL::{user_id}, touched.data, NULL::bigint, 0, NULL::boolean
FROM unnest(%(channel_names)s::text[], %(data)s::jsonb[]) AS touched (channel_name, data)
JOIN presence_open_stay AS p ON p.channel_name = touched.channel_name
