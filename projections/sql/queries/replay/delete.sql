-- Rows that the log does not have.
DELETE FROM {table} WHERE {key} = ANY(%(keys)s)
