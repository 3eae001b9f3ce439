INSERT INTO presence_event (kind, room, channel_name, user_id, data, session, process, is_leased{limits})
SELECT
    kind, room, channel_name, user_id, data, session,
    CASE WHEN kind = 'join' OR is_leased THEN %(process)s::text END,
    is_leased{limits}
FROM (
{selections}
) AS draft (kind, room, channel_name, user_id, data, session, step, is_leased{limits})
{condition}
ORDER BY room COLLATE "C", {order}channel_name COLLATE "C" NULLS FIRST, step
RETURNING {returning}
