-- The stays in a range of the log that matter: those that began before the range or go on after it, and those with a
-- gap between two signs of life that is longer than an age. The columns are:
--   the session;
--   the position of its last event in the range;
--   whether that event ended the stay;
--   the time and position of its first event in the range, null if that is its join;
--   the time of its last event in the range;
--   its first gap inside the range: when it began, and the position of the event that ended it.
SELECT
    session,
    max(id),
    bool_or(kind IN ('leave', 'prune')),
    min(at) FILTER (WHERE previous_at IS NULL AND kind <> 'join'),
    min(id) FILTER (WHERE previous_at IS NULL AND kind <> 'join'),
    max(at),
    min(previous_at) FILTER (WHERE ends_gap),
    min(id) FILTER (WHERE ends_gap)
FROM (
    SELECT *, at - previous_at > make_interval(secs => %(age)s) AS ends_gap
    FROM (
        SELECT session, id, kind, at, lag(at) OVER (PARTITION BY session ORDER BY id) AS previous_at
        FROM presence_event
        WHERE id > %(after)s AND id <= %(up_to)s AND session IS NOT NULL
            AND (%(room)s::text IS NULL OR room = %(room)s)
    ) AS event
) AS event
GROUP BY session
HAVING NOT (bool_or(kind = 'join') AND bool_or(kind IN ('leave', 'prune'))) OR bool_or(ends_gap)
