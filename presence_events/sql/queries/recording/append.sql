INSERT INTO presence_event (kind, room, channel_name, user_id, data, session, process)
SELECT kind, room, channel_name, user_id, data, session, CASE kind WHEN 'join' THEN %(process)s::text END
FROM (
{selections}
) AS draft (kind, room, channel_name, user_id, data, session, step)
{condition}
ORDER BY room COLLATE "C", channel_name COLLATE "C" NULLS FIRST, step
RETURNING {returning}
