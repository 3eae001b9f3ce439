-- The join of each connection. If the connection is present as another user, a leave of that stay comes first.
WITH arrival AS (
    SELECT *
    FROM unnest(
        %(rooms)s::text[], %(channel_names)s::text[], %(user_ids)s::{user_id}[], %(data)s::jsonb[], %(are_leased)s::boolean[]
    ) AS a (room, channel_name, user_id, data, is_leased)
)
SELECT 'leave', p.room, p.channel_name, p.user_id,
    '{{"reason": "joined again as another user"}}'::jsonb, p.id, 0, NULL::boolean
FROM arrival AS a
JOIN presence_open_stay AS p ON p.room = a.room AND p.channel_name = a.channel_name
WHERE p.user_id IS DISTINCT FROM a.user_id
UNION ALL
SELECT 'join', a.room, a.channel_name, a.user_id, a.data, NULL, 1, a.is_leased
FROM arrival AS a
