SELECT (pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')::pg_catalog.date
