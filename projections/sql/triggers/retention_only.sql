-- Refuses every statement that fires it. Retention disables its triggers in the transaction in which it writes.
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a part of the baseline of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Only manage.py presence_retention writes it, before it removes events.';
END;
