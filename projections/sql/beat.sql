-- Rows that somebody else holds are left out, so that one of them cannot hold up the heartbeat of everybody. Whether
-- they are still there is asked afterwards.
SELECT 'touch', room, channel_name, NULL::{user_id}, NULL::jsonb, NULL::bigint, 0
FROM presence
WHERE channel_name = ANY(%(channel_names)s::text[])
FOR NO KEY UPDATE SKIP LOCKED
