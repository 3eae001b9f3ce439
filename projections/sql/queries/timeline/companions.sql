-- With whom a user was in the same rooms at the same time, and for how long; whoever it was longest with comes first. Tabs
-- and rooms are merged before anything is added up. At most so many stays of others are looked at: `looked_at` says of how
-- many this is the answer.
WITH mine AS MATERIALIZED (
    SELECT stays.*
    FROM (
        SELECT s.room, range_agg(tstzrange(s.joined_at, s.left_at) * tstzrange(%(start)s, %(stop)s)) AS times
        FROM presence_during(%(start)s, %(stop)s) AS s
        WHERE s.user_id = %(user_id)s::{user_id} AND (%(room)s::text IS NULL OR s.room = %(room)s)
        GROUP BY s.room
    ) AS stays
    WHERE NOT isempty(stays.times)  -- whoever came and left in the same moment was with nobody
), theirs AS MATERIALIZED (
    SELECT other.*
    FROM mine AS m, LATERAL (
        SELECT s.user_id, tstzmultirange(tstzrange(s.joined_at, s.left_at)) * m.times AS times
        FROM presence_during(lower(m.times), upper(m.times)) AS s
        WHERE s.room = m.room AND s.user_id <> %(user_id)s::{user_id}
        LIMIT %(most)s
    ) AS other
    LIMIT %(most)s
), together AS (
    SELECT t.user_id, range_agg(time) AS times FROM theirs AS t, unnest(t.times) AS time GROUP BY t.user_id
)
SELECT t.user_id, sum(upper(time) - lower(time)) AS together, (SELECT count(*) FROM theirs) AS looked_at
FROM together AS t, unnest(t.times) AS time
GROUP BY t.user_id
ORDER BY together DESC, t.user_id
LIMIT %(limit)s
