SELECT pg_catalog.pg_advisory_unlock(
    (1886545522::bigint << 32) + 'presence_removal'::pg_catalog.regclass::pg_catalog.oid::bigint
)
