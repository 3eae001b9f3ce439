-- Deletes rows of a projection that the log does not give.
DELETE FROM {table} WHERE {key} = ANY(%(keys)s)
