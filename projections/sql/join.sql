-- A connection that is already there as somebody else ends that stay first.
WITH arrival AS (
    SELECT *
    FROM unnest(
        %(rooms)s::text[], %(channel_names)s::text[], %(user_ids)s::{user_id}[], %(data)s::jsonb[]
    ) AS a (room, channel_name, user_id, data)
)
SELECT kind, room, channel_name, user_id, data, session
FROM (
    SELECT 0 AS step, 'leave' AS kind, p.room, p.channel_name, p.user_id,
        '{{"reason": "joined again as another user"}}'::jsonb AS data, p.id AS session
    FROM arrival AS a
    JOIN presence AS p ON p.room = a.room AND p.channel_name = a.channel_name
    WHERE p.user_id IS DISTINCT FROM a.user_id
    UNION ALL
    SELECT 1, 'join', a.room, a.channel_name, a.user_id, a.data, NULL
    FROM arrival AS a
) AS step
ORDER BY room COLLATE "C", channel_name COLLATE "C", step
