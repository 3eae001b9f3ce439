-- Where the position of a moment is, by the figures of closed segments. All positions below low are older than the
-- moment, and none from high on is. The rest are the days of the segments that may have events on both sides of the
-- moment, and whether all of these are closed.
--
-- What is appended after an event has a later position. So the segments of later days are not needed if one of the events
-- after the moment came before these days. The other rules for open segments are those of chosen.sql.
WITH segment AS MATERIALIZED (
    SELECT
        *,
        state = 'closed' AS is_closed,
        state = 'closed' AND coalesce(last_at < %(moment)s, true) AS is_before,
        state = 'closed' AND coalesce(first_at >= %(moment)s, true) AS is_after
    FROM presence_segment
    WHERE state NOT IN ('leaving', 'removed')
), later AS MATERIALIZED (
    SELECT min(first_at) AS at, min(first_id) AS position FROM segment WHERE is_after
), divided AS MATERIALIZED (
    SELECT segment.*
    FROM segment, later
    WHERE NOT is_before AND NOT is_after AND (
        is_closed OR first_day IS NULL
        OR later.at IS NULL AND first_day <= 1 + greatest(
            (clock_timestamp() AT TIME ZONE 'UTC')::date, (SELECT max(end_day) FROM segment WHERE is_closed)
        )
        OR later.at >= first_day::timestamp AT TIME ZONE 'UTC'
        OR later.at IS NULL AND pg_relation_size(to_regclass(quote_ident(name))) > 0
    )
)
SELECT
    greatest(
        (SELECT max(last_id) + 1 FROM segment WHERE is_before), (SELECT min(first_id) FROM divided HAVING bool_and(is_closed))
    ),
    (SELECT position FROM later),
    (SELECT max(last_id) + 1 FROM divided HAVING bool_and(is_closed)),
    (
        SELECT coalesce(
            array_agg(ARRAY[part, coalesce(first_day, '-infinity')::text, coalesce(end_day, 'infinity')::text]), '{}'
        )
        FROM divided
    )
