SELECT pg_catalog.pg_table_size(%(name)s::pg_catalog.regclass)
