-- Where the position of a moment is, by the figures of closed segments: the last position of those that have older events
-- only, the first position of those that have none, and the day of that event. Then the segments that may have both, each
-- with its first and last position if it is closed.
SELECT
    max(last_id) FILTER (WHERE state = 'closed' AND last_at < %(moment)s),
    min(first_id) FILTER (WHERE state = 'closed' AND first_at >= %(moment)s),
    (min(first_at) FILTER (WHERE state = 'closed' AND first_at >= %(moment)s) AT TIME ZONE 'UTC')::date::text,
    coalesce(
        array_agg(
            ARRAY[
                part,
                coalesce(first_day, '-infinity')::text,
                coalesce(end_day, 'infinity')::text,
                first_id::text,
                last_id::text
            ]
        ) FILTER (WHERE CASE state
            WHEN 'closed' THEN last_at >= %(moment)s AND first_at < %(moment)s
            ELSE
-- include presence_events queries/segments/may_have_events
        END),
        '{}'
    )
FROM presence_segment
WHERE state NOT IN ('leaving', 'removed')
