-- Inserts or updates rows of a projection as the log gives them.
INSERT INTO {table} ({columns})
SELECT {columns}
FROM (
{folded}
) AS folded
WHERE {key} = ANY(%(keys)s)
ON CONFLICT ({key}) DO UPDATE SET {changes}
