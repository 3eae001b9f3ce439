BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the presence log is append-only', TG_OP, TG_TABLE_NAME),
        HINT = 'To end a stay, record a leave or a prune. To remove old events, see docs/retention.md.';
END;
