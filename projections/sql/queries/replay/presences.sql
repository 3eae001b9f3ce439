-- The presences of a fold: the stays of the baseline, and those that joins in the log began, by their positions. Arrays of
-- equal length have the touches of stays: the session, the time of its last touch, the position of its last touch with
-- data, and that of its last touch that said whether it depends on a lease. The positions may be null.
--
-- If one connection has two open stays in one room, the later counts: the earlier presence was deleted from the table
-- without an event.
SELECT DISTINCT ON (began.room, began.channel_name)
    began.id,
    began.room,
    began.channel_name,
    began.user_id,
    began.joined_at,
    greatest(began.touched_at, last.touched_at) AS touched_at,
    coalesce(touch.data, began.data) AS data,
    coalesce(lease.process, began.process) AS process,
    coalesce(lease.is_leased, began.is_leased) AS is_leased,
    began.exclusive_room
FROM (
    SELECT
        j.session AS id,
        j.room,
        j.channel_name,
        j.user_id,
        j.at AS joined_at,
        j.at AS touched_at,
        j.data,
        j.process,
        coalesce(j.is_leased, false) AS is_leased,
        CASE WHEN j.is_exclusive THEN j.room END AS exclusive_room,
        j.id AS position
    FROM unnest(%(joins)s::bigint[]) AS stay (position)
    JOIN presence_event AS j ON j.id = stay.position AND j.kind = 'join' AND {joins}
    UNION ALL
    SELECT id, room, channel_name, user_id, joined_at, touched_at, data, process, is_leased, exclusive_room, 0
    FROM presence_baseline_stay
    WHERE id = ANY(%(baseline_stays)s::bigint[])
) AS began
LEFT JOIN unnest(
        %(touched)s::bigint[], %(touched_at)s::timestamptz[], %(data_positions)s::bigint[], %(lease_positions)s::bigint[]
    ) AS last (session, touched_at, data_position, lease_position) ON last.session = began.id
LEFT JOIN presence_event AS touch ON touch.id = last.data_position AND touch.kind = 'touch' AND {touches}
LEFT JOIN presence_event AS lease ON lease.id = last.lease_position AND lease.kind = 'touch' AND {leases}
ORDER BY began.room, began.channel_name, began.position DESC
