-- The outcome of a range of the log: the stays that it ended; the stays that it began and left open, with the positions
-- of their joins; the rooms that it pruned; and the rooms that have a join after their last prune in the range, with
-- the position of the first such join.
WITH change AS MATERIALIZED (
    SELECT id, room, session, kind = 'join' AS is_join
    FROM presence_event
    WHERE id > %(after)s AND id <= %(up_to)s AND kind <> 'touch' AND room <> ''
        AND (%(room)s::text IS NULL OR room = %(room)s)
        AND (%(moment)s::timestamptz IS NULL OR at <= %(moment)s)
        AND (%(snapshot)s::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(tx, %(snapshot)s::pg_snapshot))
), stay AS (
    SELECT session, bool_or(is_join) AS began, max(id) AS position
    FROM change
    WHERE session IS NOT NULL
    GROUP BY session
    HAVING bool_or(is_join) = bool_and(is_join)
), prune AS MATERIALIZED (
    SELECT room, max(id) AS position FROM change WHERE session IS NULL GROUP BY room
), room AS (
    SELECT room, min(id) AS position
    FROM change AS c
    WHERE is_join AND NOT EXISTS (SELECT FROM prune AS p WHERE p.room = c.room AND p.position > c.id)
    GROUP BY room
)
SELECT
    (SELECT coalesce(array_agg(session), '{}') FROM stay WHERE NOT began),
    (SELECT coalesce(array_agg(session), '{}') FROM stay WHERE began),
    (SELECT coalesce(array_agg(position), '{}') FROM stay WHERE began),
    (SELECT coalesce(array_agg(room), '{}') FROM prune),
    (SELECT coalesce(array_agg(room), '{}') FROM room),
    (SELECT coalesce(array_agg(position), '{}') FROM room)
