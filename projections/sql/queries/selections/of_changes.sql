-- If a connection is present as another user, or is hidden and will no longer be, or the other way round, a leave of that
-- stay comes before its join. A join with the session 0 is that of a stay without history.
SELECT 'leave', p.room, p.channel_name, p.user_id,
    jsonb_build_object('reason', CASE
        WHEN p.user_id IS DISTINCT FROM c.user_id THEN 'joined again as another user'
        WHEN c.data -> 'presence.hidden' = 'true' THEN 'joined again to be hidden'
        ELSE 'joined again to be shown'
    END),
    p.id, 0, NULL::boolean
FROM change AS c
JOIN presence_open_stay AS p ON p.room = c.room AND p.channel_name = c.channel_name
WHERE c.kind = 'join'
    AND (
        p.user_id IS DISTINCT FROM c.user_id
        OR ((p.data -> 'presence.hidden' = 'true') IS TRUE) <> ((c.data -> 'presence.hidden' = 'true') IS TRUE)
    )
UNION ALL
SELECT c.kind, c.room, c.channel_name, c.user_id, c.data, c.session, 1, c.is_leased
FROM change AS c
WHERE c.room IS NOT NULL
UNION ALL
SELECT c.kind, p.room, p.channel_name, NULL, c.data, CASE WHEN c.kind = 'leave' THEN p.id END, 1, NULL
FROM change AS c
JOIN presence_open_stay AS p ON p.channel_name = c.channel_name
WHERE c.room IS NULL
