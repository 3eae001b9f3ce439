-- Who is present: the open stays, with the time when each was last seen.
CREATE VIEW presence AS
SELECT
    stay.id,
    stay.room,
    stay.channel_name,
    stay.user_id,
    stay.joined_at,
    greatest(stay.touched_at, lease.seen_at) AS last_seen,
    stay.data,
    stay.process,
    stay.is_leased,
    stay.exclusive_room IS NOT NULL AS is_exclusive
FROM presence_open_stay AS stay
LEFT JOIN presence_process AS lease ON stay.is_leased AND lease.name = stay.process
