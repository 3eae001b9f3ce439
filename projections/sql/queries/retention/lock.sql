-- One run at a time in this installation, as long as the database session lasts. Whether this one may run.
SELECT pg_catalog.pg_try_advisory_lock(
    (1886545522::bigint << 32) + 'presence_removal'::pg_catalog.regclass::pg_catalog.oid::bigint
)
