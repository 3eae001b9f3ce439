-- One row for each presence of a fold, and one for each empty room, whose other columns are null.
SELECT
    r.channel_name AS room,
    r.created_at,
    p.id AS session,
    p.channel_name,
    p.user_id,
    p.joined_at,
    greatest(p.touched_at, lease.seen_at) AS last_seen,
    p.data
FROM (
{rooms}
) AS r
LEFT JOIN (
{presences}
) AS p ON p.room = r.channel_name
LEFT JOIN (
{processes}
) AS lease ON p.is_leased AND lease.name = p.process
ORDER BY r.channel_name, p.joined_at, p.id
