-- Returns the people a user shared rooms with, and for how long, longest first.
--
-- Time with several tabs, or in several rooms at once, counts once: ranges are merged before they are added up. At most
-- `max_stays` stays of others are compared; `compared` is how many were.
WITH mine AS MATERIALIZED (
    SELECT stays.*
    FROM (
        SELECT s.room, range_agg(tstzrange(s.joined_at, s.left_at) * tstzrange(%(start)s, %(stop)s)) AS times
        FROM presence_during(%(start)s, %(stop)s) AS s
        WHERE s.user_id = %(user_id)s::{user_id} AND (%(room)s::text IS NULL OR s.room = %(room)s)
        GROUP BY s.room
    ) AS stays
    WHERE NOT isempty(stays.times)  -- a stay without length overlaps no other
), theirs AS MATERIALIZED (
    SELECT other.*
    FROM mine AS m, LATERAL (
        SELECT s.user_id, tstzmultirange(tstzrange(s.joined_at, s.left_at)) * m.times AS times
        FROM presence_during(lower(m.times), upper(m.times)) AS s
        WHERE s.room = m.room AND s.user_id <> %(user_id)s::{user_id}
        LIMIT %(max_stays)s
    ) AS other
    LIMIT %(max_stays)s
), together AS (
    SELECT t.user_id, range_agg(time) AS times FROM theirs AS t, unnest(t.times) AS time GROUP BY t.user_id
)
SELECT t.user_id, sum(upper(time) - lower(time)) AS together, (SELECT count(*) FROM theirs) AS compared
FROM together AS t, unnest(t.times) AS time
GROUP BY t.user_id
ORDER BY together DESC, t.user_id
LIMIT %(max_companions)s
