-- The times of the beats of each process in a range of the log, in spans: inside a span, no two successive beats are
-- further apart than an age. The columns are the process, and the times of the first and the last beat of a span.
SELECT process, min(at), max(at)
FROM (
    SELECT process, at, count(*) FILTER (WHERE is_gap) OVER (PARTITION BY process ORDER BY id) AS span
    FROM (
        SELECT
            process,
            id,
            at,
            at - lag(at) OVER (PARTITION BY process ORDER BY id) > make_interval(secs => %(age)s) AS is_gap
        FROM presence_event
        WHERE id > %(after)s AND id <= %(up_to)s AND room = '' AND kind = 'touch'
    ) AS beat
) AS beat
GROUP BY process, span
ORDER BY process, min(at)
