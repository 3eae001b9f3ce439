BEGIN
-- include presence_events triggers/test_databases
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),
        HINT = 'To release a hold, run manage.py presence_retention --release.';
END;
