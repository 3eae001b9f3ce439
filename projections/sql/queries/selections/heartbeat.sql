-- Skips rows that another transaction has locked, because one lock must not delay the heartbeat of all connections. The
-- process queries afterwards whether the skipped rows are still present.
SELECT 'touch', p.room, p.channel_name, NULL::{user_id}, NULL::jsonb, NULL::bigint, 0
FROM unnest(%(rooms)s::text[], %(channel_names)s::text[]) AS stay (room, channel_name)
JOIN presence AS p ON p.room = stay.room AND p.channel_name = stay.channel_name
FOR NO KEY UPDATE OF p SKIP LOCKED
