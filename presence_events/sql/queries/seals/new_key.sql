            -- The key of a subject: 32 random bytes.
            pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
            OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
