-- Makes this day the earliest one on which events can be appended. ONLY, because inserts use the default of the log itself.
ALTER TABLE ONLY presence_event
ALTER COLUMN day SET DEFAULT greatest((pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')::pg_catalog.date, '{day}')
