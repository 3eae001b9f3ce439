-- When the report ends, and the rows of presence_attendance. Without any, their columns are null in one row.
SELECT
    least(%(stop)s::timestamptz, statement_timestamp()),
    a.user_id,
    a.first_in,
    a.last_out,
    a.last_seen,
    a.certain,
    a.possible,
    a.stays,
    a.longest_absence,
    a.late,
    a.left_early,
    a.percent_certain,
    a.percent_possible
FROM (VALUES (true)) AS report (always)
LEFT JOIN presence_attendance(%(room)s::text, %(start)s::timestamptz, %(stop)s::timestamptz) AS a ON report.always
ORDER BY a.first_in, a.user_id
