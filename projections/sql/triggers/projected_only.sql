-- Refuses every statement outside of triggers. The statements of the fold are in a trigger, and this is another one.
BEGIN
    IF pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1 THEN
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
