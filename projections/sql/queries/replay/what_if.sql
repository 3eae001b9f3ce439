-- The stays in a range of the log that matter: those that began before the range or go on after it, and those with a
-- gap between two of their events that is longer than an age. The columns are:
--   the session;
--   the position of its last event in the range;
--   whether that event ended the stay;
--   the time and position of its first event in the range, null if that is its join;
--   the time of its last event in the range;
--   whether an event in the range said on whose lease the stay is, and the process after the last one, null if on none;
--   its gaps inside the range, in order, as arrays: when each began, when it ended, the position of the event that ended
--   it, whether an event in the range before it said on whose lease the stay is, and the process.
SELECT
    session,
    max(id),
    bool_or(kind IN ('leave', 'prune')),
    min(at) FILTER (WHERE previous_at IS NULL AND kind <> 'join'),
    min(id) FILTER (WHERE previous_at IS NULL AND kind <> 'join'),
    max(at),
    bool_or(is_known),
    (array_agg(lease ORDER BY id DESC))[1],
    coalesce(array_agg(previous_at ORDER BY id) FILTER (WHERE is_gap), '{}'),
    coalesce(array_agg(at ORDER BY id) FILTER (WHERE is_gap), '{}'),
    coalesce(array_agg(id ORDER BY id) FILTER (WHERE is_gap), '{}'),
    coalesce(array_agg(was_known ORDER BY id) FILTER (WHERE is_gap), '{}'),
    coalesce(array_agg(previous_lease ORDER BY id) FILTER (WHERE is_gap), '{}')
FROM (
    SELECT
        *,
        at - previous_at > make_interval(secs => %(age)s) AS is_gap,
        coalesce(lag(is_known) OVER stay, false) AS was_known,
        lag(lease) OVER stay AS previous_lease
    FROM (
        SELECT
            *,
            change > 0 AS is_known,
            max(process) FILTER (WHERE is_leased) OVER (PARTITION BY session, change) AS lease
        FROM (
            SELECT
                session,
                id,
                kind,
                at,
                process,
                is_leased,
                lag(at) OVER (PARTITION BY session ORDER BY id) AS previous_at,
                count(is_leased) OVER (PARTITION BY session ORDER BY id) AS change
            FROM presence_event
            WHERE id > %(after)s AND id <= %(up_to)s AND session IS NOT NULL
                AND (%(room)s::text IS NULL OR room = %(room)s)
        ) AS event
    ) AS event
    WINDOW stay AS (PARTITION BY session ORDER BY id)
) AS event
GROUP BY session
HAVING NOT (bool_or(kind = 'join') AND bool_or(kind IN ('leave', 'prune'))) OR bool_or(is_gap)
