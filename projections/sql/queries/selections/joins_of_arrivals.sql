SELECT 'leave', p.room, p.channel_name, p.user_id,
    CASE
        WHEN p.user_id IS DISTINCT FROM a.user_id THEN '{{"reason": "joined again as another user"}}'::jsonb
        WHEN a.data -> 'presence.hidden' = 'true' THEN '{{"reason": "joined again to be hidden"}}'::jsonb
        ELSE '{{"reason": "joined again to be shown"}}'::jsonb
    END,
    p.id, 0, NULL::boolean
FROM arrival AS a
JOIN presence_open_stay AS p ON p.room = a.room AND p.channel_name = a.channel_name
WHERE p.user_id IS DISTINCT FROM a.user_id
    OR ((p.data -> 'presence.hidden' = 'true') IS TRUE) <> ((a.data -> 'presence.hidden' = 'true') IS TRUE)
UNION ALL
SELECT 'join', a.room, a.channel_name, a.user_id, a.data, NULL, 1, a.is_leased
FROM arrival AS a
