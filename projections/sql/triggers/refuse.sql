-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.
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
            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '
               'Presence.objects.leave_all, or an INSERT into presence_event.';
END;
