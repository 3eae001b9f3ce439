    -- Errors may contain anything.
    UPDATE presence_dead_letter AS letter
    SET error = ''
    WHERE letter.error OPERATOR(pg_catalog.<>) ''
        AND EXISTS (
            SELECT FROM presence_event AS e
            WHERE e.id OPERATOR(pg_catalog.>=) letter.first AND e.id OPERATOR(pg_catalog.<=) letter.last
                AND e.commitment IS NOT NULL
        );
