-- The fold keeps a room that a connection has joined meanwhile.
SELECT 'prune', channel_name, NULL, NULL::{user_id}, NULL::jsonb, NULL::bigint, 0, NULL::boolean
FROM presence_room
WHERE channel_name = ANY(%(rooms)s::text[])
