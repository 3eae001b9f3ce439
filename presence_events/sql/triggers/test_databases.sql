    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
