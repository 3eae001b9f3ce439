-- Waits for an erasure in another transaction, and keeps others waiting until the end of this transaction.
SELECT pg_catalog.pg_advisory_xact_lock(
    (1886545522::bigint << 32) + 'presence_seal_key'::pg_catalog.regclass::pg_catalog.oid::bigint
)
