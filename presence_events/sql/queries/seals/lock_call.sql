    -- Waits for a seal or an erasure in another transaction, and keeps others waiting until the end of this transaction.
    pg_catalog.pg_advisory_xact_lock(
        (1886545522::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32)
        OPERATOR(pg_catalog.+) 'presence_seal_key'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int8
    )
