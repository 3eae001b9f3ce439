INSERT INTO presence_event (
    kind, room, channel_name, user_id, data, session, process, is_leased, capacity, is_exclusive
)
SELECT
    kind, room, channel_name, user_id, data, session,
    CASE WHEN kind = 'join' OR is_leased THEN %(process)s::text END,
    is_leased, capacity, is_exclusive
FROM (
{selections}
) AS draft (kind, room, channel_name, user_id, data, session, step, is_leased, capacity, is_exclusive)
{condition}
ORDER BY
    room COLLATE "C",
    least(step, 0) DESC,
    CASE WHEN step < 0 THEN user_id END,
    channel_name COLLATE "C" NULLS FIRST,
    step
RETURNING {returning}
