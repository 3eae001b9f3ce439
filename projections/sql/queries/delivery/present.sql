-- The open stays of users in rooms that are not hidden, each with the time of its join.
SELECT p.room, p.user_id, p.id, p.joined_at
FROM unnest(%(rooms)s::text[], %(user_ids)s::{user_id}[]) AS pair (room, user_id)
JOIN presence_open_stay AS p ON p.user_id = pair.user_id AND p.room = pair.room
WHERE NOT coalesce(p.data @> '{{"presence.hidden": true}}', false)
