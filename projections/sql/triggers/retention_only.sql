-- Refuses every statement that fires it. Retention disables its triggers in the transaction in which it writes.
BEGIN
-- include presence_events triggers/test_databases
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a part of the baseline of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Only manage.py presence_retention writes it, before it removes events.';
END;
