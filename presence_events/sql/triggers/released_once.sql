-- A hold in force can be released, and nothing else of it can change.
BEGIN
    IF OLD.released_at IS NULL AND NEW.released_at IS NOT NULL
        AND (pg_catalog.to_jsonb(OLD) OPERATOR(pg_catalog.-) '{released_at,released_by}'::pg_catalog.text[])
            OPERATOR(pg_catalog.=)
            (pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) '{released_at,released_by}'::pg_catalog.text[])
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'UPDATE on presence_hold is refused: a hold can only be released, once',
        HINT = 'Place another hold with manage.py presence_retention --hold.';
END;
