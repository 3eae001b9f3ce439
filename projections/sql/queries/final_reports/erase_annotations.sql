-- Puts a pseudonym in place of the author of annotations.
WITH erased AS (
    UPDATE presence_report_annotation
    SET author = %(pseudonym)s, author_name = NULL
    WHERE author = %(person)s AND author_name IS NOT NULL
    RETURNING 1
)
SELECT pg_catalog.count(*) FROM erased
