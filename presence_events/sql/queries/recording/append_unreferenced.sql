-- Like append.sql, but leaves out the ends of presences and rooms that rows of other tables refer to. A connection that
-- joins again as another user is not left out, because its join would be dropped without an error. Nor is a stay that
-- ends for the join of another connection, because that join would not be allowed.
WITH draft (kind, room, channel_name, user_id, data, session, step, is_leased{limits}) AS (
{selections}
)
INSERT INTO presence_event (kind, room, channel_name, user_id, data, session, process, is_leased{limits})
SELECT
    kind, room, channel_name, user_id, data, session,
    CASE WHEN kind = 'join' OR is_leased THEN %(process)s::text END,
    is_leased{limits}
FROM (
    SELECT *
    FROM draft AS d
    WHERE CASE
        WHEN d.kind IN ('join', 'touch'){or_for_another} THEN true
        WHEN d.channel_name IS NULL THEN NOT presence_is_referenced('presence_room', 'channel_name', d.room)
        ELSE EXISTS (
                SELECT FROM draft AS j WHERE j.kind = 'join' AND j.room = d.room AND j.channel_name = d.channel_name
            )
            OR NOT EXISTS (
                SELECT FROM presence_open_stay AS p
                WHERE p.room = d.room AND p.channel_name = d.channel_name
                    AND presence_is_referenced('presence_open_stay', 'id', p.id::text)
            )
    END
) AS draft
{condition}
ORDER BY room COLLATE "C", {order}channel_name COLLATE "C" NULLS FIRST, step
RETURNING {returning}
