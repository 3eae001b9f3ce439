-- The presences of a fold, from arrays of equal length: the position of each stay's join, the time of its last touch, the
-- position of its last touch with data, and that of its last touch that said whether it depends on a lease. All but the
-- first may be null.
--
-- If one connection has two open stays in one room, the later counts: the earlier presence was deleted from the table
-- without an event.
SELECT DISTINCT ON (j.room, j.channel_name)
    j.session AS id,
    j.room,
    j.channel_name,
    j.user_id,
    j.at AS joined_at,
    greatest(j.at, stay.touched_at) AS touched_at,
    coalesce(touch.data, j.data) AS data,
    coalesce(lease.process, j.process) AS process,
    coalesce(lease.is_leased, j.is_leased, false) AS is_leased
FROM unnest(
        %(joins)s::bigint[], %(touched_at)s::timestamptz[], %(data_positions)s::bigint[], %(lease_positions)s::bigint[]
    ) AS stay (join_position, touched_at, data_position, lease_position)
JOIN presence_event AS j ON j.id = stay.join_position AND j.kind = 'join' AND {joins}
LEFT JOIN presence_event AS touch ON touch.id = stay.data_position AND touch.kind = 'touch' AND {touches}
LEFT JOIN presence_event AS lease ON lease.id = stay.lease_position AND lease.kind = 'touch' AND {leases}
ORDER BY j.room, j.channel_name, j.id DESC
