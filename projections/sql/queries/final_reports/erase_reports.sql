-- Puts a pseudonym in place of a person in the rows of reports.
WITH erased AS (
    UPDATE presence_attendance_report AS report
    SET rows = (
        SELECT pg_catalog.jsonb_agg(
            CASE
                WHEN part.value ->> 'user_id' = %(person)s
                THEN part.value || pg_catalog.jsonb_build_object('user_id', %(pseudonym)s::text, 'name', NULL)
                ELSE part.value
            END
            ORDER BY part.number
        )
        FROM pg_catalog.jsonb_array_elements(report.rows) WITH ORDINALITY AS part (value, number)
    )
    WHERE report.rows @> pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('user_id', %(person)s::text))
    RETURNING 1
)
SELECT pg_catalog.count(*) FROM erased
