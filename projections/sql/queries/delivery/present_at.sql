-- The stays of users in rooms that were open at a mark of the log: those that are open now and those that have ended
-- since, without those that have begun since, and without hidden ones. `presence_events.tail` says which events come
-- after a mark.
WITH pair AS MATERIALIZED (
    SELECT room, user_id FROM unnest(%(rooms)s::text[], %(user_ids)s::{user_id}[]) AS pair (room, user_id)
), later AS MATERIALIZED (
    SELECT e.room, e.user_id, e.session, e.kind
    FROM pair
    JOIN presence_event AS e ON e.user_id = pair.user_id AND e.room = pair.room
    WHERE e.kind <> 'touch' AND e.user_id IS NOT NULL AND e.id > %(decided)s AND {days}
        AND NOT coalesce(e.data @> '{{"presence.hidden": true}}', false)
        AND CASE
            WHEN %(seen)s::pg_snapshot IS NULL THEN e.id > %(high)s
            ELSE NOT pg_visible_in_snapshot(e.tx, %(seen)s::pg_snapshot)
        END
        AND NOT (
            e.id <= %(position)s
            AND (%(window)s::pg_snapshot IS NULL OR pg_visible_in_snapshot(e.tx, %(window)s::pg_snapshot))
        )
)
(
    SELECT p.room, p.user_id, p.id
    FROM pair
    JOIN presence_open_stay AS p ON p.user_id = pair.user_id AND p.room = pair.room
    WHERE NOT coalesce(p.data @> '{{"presence.hidden": true}}', false)
    UNION
    SELECT room, user_id, session FROM later WHERE kind <> 'join'
)
EXCEPT
SELECT room, user_id, session FROM later WHERE kind = 'join'
