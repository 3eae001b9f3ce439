-- A key is deleted at the end of the erasure of its person.
BEGIN
    IF EXISTS (
        SELECT FROM presence_erasing AS e
        WHERE OLD.subject OPERATOR(pg_catalog.=) pg_catalog.concat('user:', e.person)
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'DELETE on presence_seal_key is refused: the rows of this table are permanent',
        HINT = 'Only manage.py presence_erase deletes a key, to erase a person. See docs/privacy.md.';
END;
