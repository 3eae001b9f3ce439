BEGIN
    -- Django's test runner empties test databases with TRUNCATE; presence_events.test_databases says which these are.
    IF TG_OP = 'TRUNCATE' AND current_setting('presence_events.test_database', true) = current_database() THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = format('%s on %s is refused: the presence log is append-only', TG_OP, TG_TABLE_NAME),
        HINT = 'An event is a fact and stays. To end a stay, record a leave or a prune; '
               'to forget old events, see docs/guarantees.md.';
END;
