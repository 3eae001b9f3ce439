INSERT INTO presence_event (kind, room, channel_name, user_id, data, session, process, is_leased)
SELECT
    kind, room, channel_name, user_id, data, session,
    CASE WHEN kind = 'join' OR is_leased THEN %(process)s::text END,
    is_leased
FROM (
{selections}
) AS draft (kind, room, channel_name, user_id, data, session, step, is_leased)
{condition}
ORDER BY room COLLATE "C", channel_name COLLATE "C" NULLS FIRST, step
RETURNING {returning}
