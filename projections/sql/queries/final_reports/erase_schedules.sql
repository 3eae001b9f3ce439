-- Puts a pseudonym in place of a person who is expected.
WITH erased AS (
    UPDATE presence_scheduled_report AS schedule
    SET expected = (
        SELECT pg_catalog.jsonb_agg(
            CASE WHEN part.value = %(person)s THEN %(pseudonym)s::text ELSE part.value END
            ORDER BY part.number
        )
        FROM pg_catalog.jsonb_array_elements_text(schedule.expected) WITH ORDINALITY AS part (value, number)
    )
    WHERE schedule.expected @> pg_catalog.to_jsonb(%(person)s::text)
    RETURNING 1
)
SELECT pg_catalog.count(*) FROM erased
