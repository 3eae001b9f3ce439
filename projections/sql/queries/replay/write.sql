-- Rows as the log has them.
INSERT INTO {table} ({columns})
SELECT {columns}
FROM (
{folded}
) AS folded
WHERE {key} = ANY(%(keys)s)
ON CONFLICT ({key}) DO UPDATE SET {changes}
