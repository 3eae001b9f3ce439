-- A touch with data in every room of the connection, without the data in rooms whose data is not recorded.
SELECT
    'touch', p.room, p.channel_name, NULL::{user_id}, CASE WHEN {is_kept} THEN touched.data END, NULL::bigint, 0,
    NULL::boolean
FROM unnest(%(channel_names)s::text[], %(data)s::jsonb[]) AS touched (channel_name, data)
JOIN presence_open_stay AS p ON p.channel_name = touched.channel_name
