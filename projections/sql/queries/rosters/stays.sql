-- The open stays of a room, and the snapshot that sees them. One row without a stay if there are none.
SELECT pg_current_snapshot()::text, stay.id, stay.channel_name, stay.user_id, stay.joined_at, stay.data::text
FROM (SELECT) AS one
LEFT JOIN presence_open_stay AS stay ON stay.room = %(room)s
