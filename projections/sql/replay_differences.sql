-- Rows that are not in the table as the log has them: the key, the row of the table, the row of the log.
SELECT coalesce(live.{key}, folded.{key}), to_json(live), to_json(folded)
FROM (SELECT {columns} FROM {table} WHERE %(room)s::text IS NULL OR {room} = %(room)s) AS live
FULL JOIN (
{folded}
) AS folded ON folded.{key} = live.{key}
WHERE (live.*) IS DISTINCT FROM (folded.*)
ORDER BY 1
