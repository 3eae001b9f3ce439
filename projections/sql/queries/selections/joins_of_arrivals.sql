SELECT 'leave', p.room, p.channel_name, p.user_id,
    jsonb_build_object('reason', CASE
        WHEN p.user_id IS DISTINCT FROM a.user_id THEN 'joined again as another user'
        WHEN a.data @> '{{"presence.hidden": true}}'::jsonb THEN 'joined again to be hidden'
        ELSE 'joined again to be shown'
    END),
    p.id, 0, NULL::boolean
FROM arrival AS a
JOIN presence_open_stay AS p ON p.room = a.room AND p.channel_name = a.channel_name
WHERE p.user_id IS DISTINCT FROM a.user_id
    OR coalesce(p.data @> '{{"presence.hidden": true}}'::jsonb, false) <> coalesce(a.data @> '{{"presence.hidden": true}}'::jsonb, false)
UNION ALL
SELECT 'join', a.room, a.channel_name, a.user_id, a.data, NULL, 1, a.is_leased
FROM arrival AS a
