-- The presences of a fold, from three arrays of equal length: the position of each stay's join, the time of its last
-- touch, and the position of its last touch with data. The latter two may be null.
--
-- If one connection has two open stays in one room, the later counts: the earlier presence was deleted from the table
-- without an event.
SELECT DISTINCT ON (j.room, j.channel_name)
    j.session AS id,
    j.room,
    j.channel_name,
    j.user_id,
    j.at AS joined_at,
    greatest(j.at, stay.touched_at) AS last_seen,
    coalesce(touch.data, j.data) AS data,
    j.process
FROM unnest(%(joins)s::bigint[], %(touched_at)s::timestamptz[], %(data_positions)s::bigint[])
    AS stay (join_position, touched_at, data_position)
JOIN presence_event AS j ON j.id = stay.join_position
LEFT JOIN presence_event AS touch ON touch.id = stay.data_position
ORDER BY j.room, j.channel_name, j.id DESC
