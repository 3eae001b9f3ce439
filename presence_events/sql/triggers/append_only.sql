BEGIN
-- include presence_events triggers/test_databases
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the presence log is append-only', TG_OP, TG_TABLE_NAME),
        HINT = 'To end a stay, record a leave or a prune. To remove old events, see Retention in the documentation.';
END;
