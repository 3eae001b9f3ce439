-- Rooms without presences. Rows that another transaction has locked are left for the next prune.
SELECT 'prune', r.channel_name, NULL, NULL::{user_id}, NULL::jsonb, NULL::bigint, 0
FROM presence_room AS r
WHERE NOT EXISTS (SELECT FROM presence AS p WHERE p.room = r.channel_name)
ORDER BY r.channel_name
FOR UPDATE SKIP LOCKED
