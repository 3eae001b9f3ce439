-- Rooms without presences, except those that rows of other tables refer to. Without a foreign key of another table than
-- presence, which is asked once, no room is asked about. Rows that another transaction has locked are left for the next
-- prune.
WITH empty AS MATERIALIZED (
    SELECT r.channel_name
    FROM presence_room AS r
    WHERE NOT EXISTS (SELECT FROM presence_open_stay AS p WHERE p.room = r.channel_name)
), prunable AS MATERIALIZED (
    SELECT e.channel_name
    FROM empty AS e
    WHERE NOT EXISTS (
            SELECT FROM pg_catalog.pg_constraint
            WHERE contype = 'f' AND confrelid = 'presence_room'::regclass AND conrelid <> 'presence_open_stay'::regclass
                AND confdeltype = ANY ('{{a,r}}'::"char"[])
        )
        OR NOT presence_is_referenced('presence_room', 'channel_name', e.channel_name)
)
SELECT 'prune', r.channel_name, NULL, NULL::{user_id}, NULL::jsonb, NULL::bigint, 0, NULL::boolean
FROM prunable
JOIN presence_room AS r ON r.channel_name = prunable.channel_name
ORDER BY r.channel_name
FOR UPDATE OF r SKIP LOCKED
