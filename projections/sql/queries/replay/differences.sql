-- Rows that are not in the table as the log has them: the key, the row of the table, the row of the log.
WITH folded AS MATERIALIZED (
{folded}
)
SELECT coalesce(live.{key}, folded.{key}), to_json(live), to_json(folded)
FROM (
    SELECT {columns}
    FROM {table}
    WHERE %(room)s::text IS NULL OR {room} = %(room)s OR {key} IN (SELECT {key} FROM folded)
) AS live
FULL JOIN folded ON folded.{key} = live.{key}
WHERE (live.*) IS DISTINCT FROM (folded.*)
ORDER BY 1
