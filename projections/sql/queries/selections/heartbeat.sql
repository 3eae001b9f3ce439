-- Rows that somebody else holds are left out, so that one of them cannot hold up the heartbeat of everybody. Whether
-- they are still there is asked afterwards.
SELECT 'touch', p.room, p.channel_name, NULL::{user_id}, NULL::jsonb, NULL::bigint, 0
FROM unnest(%(rooms)s::text[], %(channel_names)s::text[]) AS stay (room, channel_name)
JOIN presence AS p ON p.room = stay.room AND p.channel_name = stay.channel_name
FOR NO KEY UPDATE OF p SKIP LOCKED
