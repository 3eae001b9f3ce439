-- The rows of a projection that differ from the fold: the key, the row in the table, the row that the log gives. Data is
-- separate, as text, because it may be unreadable for Python.
WITH folded AS MATERIALIZED (
{folded}
)
SELECT
    coalesce(live.{key}, folded.{key}),
    (to_jsonb(live) - 'data')::json,
    (to_jsonb(folded) - 'data')::json,
    (to_jsonb(live) -> 'data')::text,
    (to_jsonb(folded) -> 'data')::text
FROM (
    SELECT {columns}
    FROM {table}
    WHERE %(room)s::text IS NULL OR {room} = %(room)s::text OR {key} IN (SELECT {key} FROM folded)
) AS live
FULL JOIN folded ON folded.{key} = live.{key}
WHERE (live.*) IS DISTINCT FROM (folded.*)
ORDER BY 1
