-- When the report ends, and the figures of presence_attendance for some stays. Without any, they are null in one row.
WITH span AS MATERIALIZED (
    SELECT %(start)s::timestamptz AS start, least(%(stop)s::timestamptz, statement_timestamp()) AS until
), found AS (
    {stays}
)
-- include projections queries/attendance/people
SELECT span.until, figures.*
FROM span
LEFT JOIN figures ON true
ORDER BY figures.first_in, figures.user_id
