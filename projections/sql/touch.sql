SELECT 'touch', p.room, p.channel_name, p.user_id, beat.data, NULL::bigint
FROM unnest(%(channel_names)s::text[], %(data)s::jsonb[]) AS beat (channel_name, data)
JOIN presence AS p ON p.channel_name = beat.channel_name
ORDER BY p.room, p.channel_name
