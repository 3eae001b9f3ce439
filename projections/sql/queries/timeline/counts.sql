-- Counts connections and people at each of these moments, in one room, of one user, or of one user in one room.
SELECT moment, count.connections, count.people
FROM unnest(%(moments)s::timestamptz[]) AS moment, LATERAL (
    SELECT count(*) AS connections, count(DISTINCT s.user_id) AS people
    FROM presence_at(moment) AS s
    WHERE (%(room)s::text IS NULL OR s.room = %(room)s)
        AND (%(user_id)s::{user_id} IS NULL OR s.user_id = %(user_id)s::{user_id})
) AS count
ORDER BY moment
