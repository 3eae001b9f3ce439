-- The days of the segments that may have events with positions from after (excluded) to up_to (included) and times from
-- start (included) on, of stays that began at stop or before. Each limit may be null. Or only the last one of
-- these positions is of interest. The first column is the horizon of stays, and the second one up to when a standby has
-- the log.
SELECT
    presence_horizon('stays'),
-- include presence_events queries/segments/replayed_up_to
    ,
    coalesce(
        array_agg(ARRAY[part, coalesce(first_day, '-infinity')::text, coalesce(end_day, 'infinity')::text]
            ORDER BY part, first_day NULLS FIRST),
        '{}'
    )
FROM presence_segment
WHERE (%(only)s::text IS NULL OR part = %(only)s::text)
    AND CASE state
        WHEN 'closed' THEN events > 0
            AND (NOT %(latest)s OR last_id >= (
                SELECT coalesce(max(last_id), 0)
                FROM presence_segment
                WHERE state = 'closed' AND (%(up_to)s::bigint IS NULL OR last_id <= %(up_to)s::bigint)
            ))
            AND (%(after)s::bigint IS NULL OR last_id > %(after)s::bigint)
            AND (%(up_to)s::bigint IS NULL OR first_id <= %(up_to)s::bigint)
            AND (%(start)s::timestamptz IS NULL OR last_at >= %(start)s::timestamptz)
            AND (%(stop)s::timestamptz IS NULL OR first_since <= %(stop)s::timestamptz)
        WHEN 'leaving' THEN false
        WHEN 'removed' THEN false
        ELSE
-- include presence_events queries/segments/may_have_events
    END
