-- Every room with who is there; one that is empty once, without anybody.
SELECT
    r.channel_name AS room,
    r.created_at,
    p.id AS session,
    p.channel_name,
    p.user_id,
    p.joined_at,
    p.last_seen,
    p.data
FROM (
{rooms}
) AS r
LEFT JOIN (
{presences}
) AS p ON p.room = r.channel_name
ORDER BY r.channel_name, p.joined_at, p.id
