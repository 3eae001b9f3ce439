-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.
BEGIN
-- include presence_events triggers/test_databases
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '
               'Presence.objects.leave_all, or an INSERT into presence_event.';
END;
