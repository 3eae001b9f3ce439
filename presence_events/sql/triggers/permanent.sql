BEGIN
-- include presence_events triggers/test_databases
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the record of what retention did is permanent', TG_OP, TG_TABLE_NAME),
        HINT = 'manage.py presence_retention adds rows. To release a hold, run it with --release.';
END;
