-- The stays of a stretch of the log, as far as they are of interest: those that began before it or go on after it, and
-- those in which a connection said nothing for longer than an age. Of each: its last event here, and whether that ended
-- it; its first sign of life, unless that is a join, as time and position; its last sign; and its first such silence,
-- since when it lasted and the position of the event that broke it.
SELECT
    session,
    max(id),
    bool_or(kind IN ('leave', 'prune')),
    min(at) FILTER (WHERE before IS NULL AND kind <> 'join'),
    min(id) FILTER (WHERE before IS NULL AND kind <> 'join'),
    max(at),
    min(before) FILTER (WHERE silent),
    min(id) FILTER (WHERE silent)
FROM (
    SELECT *, at - before > make_interval(secs => %(age)s) AS silent
    FROM (
        SELECT session, id, kind, at, lag(at) OVER (PARTITION BY session ORDER BY id) AS before
        FROM presence_event
        WHERE id > %(after)s AND id <= %(upto)s AND session IS NOT NULL
            AND (%(room)s::text IS NULL OR room = %(room)s)
    ) AS sign
) AS sign
GROUP BY session
HAVING NOT (bool_or(kind = 'join') AND bool_or(kind IN ('leave', 'prune'))) OR bool_or(silent)
