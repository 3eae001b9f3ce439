-- The keys of subjects. Those that have none yet get the given ones. A key that another transaction adds at the same time
-- is not found: the query has to run again.
WITH subject AS (
    SELECT * FROM unnest(%(subjects)s::text[], %(keys)s::bytea[]) AS s (subject, key)
), added AS (
    INSERT INTO presence_seal_key (subject, key)
    SELECT subject, key FROM subject
    ON CONFLICT (subject) DO NOTHING
    RETURNING subject, key
)
SELECT subject, key FROM added
UNION ALL
SELECT known.subject, known.key FROM subject JOIN presence_seal_key AS known USING (subject)
