arrival AS MATERIALIZED (
    SELECT
        a.*, p.id AS own_session, p.user_id AS own_user_id,
        CASE
            WHEN p.user_id IS DISTINCT FROM a.user_id THEN '{{"reason": "joined again as another user"}}'::jsonb
            WHEN a.data -> 'presence.hidden' = 'true' THEN '{{"reason": "joined again to be hidden"}}'::jsonb
            ELSE '{{"reason": "joined again to be shown"}}'::jsonb
        END AS reason
    FROM given AS a
    LEFT JOIN presence_open_stay AS p ON p.room = a.room AND p.channel_name = a.channel_name
    WHERE p.id IS NULL OR p.user_id IS DISTINCT FROM a.user_id
        OR ((p.data -> 'presence.hidden' = 'true') IS TRUE) <> ((a.data -> 'presence.hidden' = 'true') IS TRUE)
), ending AS MATERIALIZED (
    SELECT
        room, channel_name AS for_channel, channel_name, own_user_id AS user_id, own_session AS session,
        reason AS data, NULL::boolean AS is_for_another
    FROM arrival
    WHERE own_session IS NOT NULL
    UNION ALL
    SELECT
        a.room, a.channel_name, p.channel_name, p.user_id, p.id,
        '{{"reason": "replaced by another connection"}}'::jsonb, true
    FROM arrival AS a
    JOIN presence_open_stay AS p ON p.user_id = a.user_id AND p.room = a.room
    WHERE a.exclusive = 'newest'
)
SELECT 'leave', room, channel_name, user_id, data, session, 0, NULL::boolean, NULL::integer, is_for_another
FROM ending
UNION ALL
SELECT
    'join', a.room, a.channel_name, a.user_id, a.data,
    (
        -- The magnitude names a stay that ends. The sign says whether the new one has a history.
        SELECT CASE WHEN a.has_history THEN min(abs(e.session)) ELSE -coalesce(min(abs(e.session)), 0) END
        FROM ending AS e
        WHERE e.room = a.room AND e.for_channel = a.channel_name
    ),
    CASE WHEN a.capacity IS NULL THEN -2 ELSE -1 END, a.is_leased, a.capacity, a.exclusive IS NOT NULL
FROM arrival AS a
