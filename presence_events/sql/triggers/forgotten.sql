-- A key is deleted at the end of the erasure of its person, and that of a stay without history when no event of the stay
-- has a user or data any more.
BEGIN
    IF EXISTS (
        SELECT FROM presence_erasing AS e
        WHERE OLD.subject OPERATOR(pg_catalog.=) pg_catalog.concat('user:', e.person)
    ) OR OLD.subject OPERATOR(pg_catalog.~) '^session:-[0-9]+$' AND NOT EXISTS (
        SELECT FROM presence_event
        WHERE session OPERATOR(pg_catalog.=) pg_catalog.substr(OLD.subject, 9)::pg_catalog.int8
-- include presence_events queries/erasure/is_remembered
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'DELETE on presence_seal_key is refused: the rows of this table are permanent',
        HINT = 'A key is deleted only when its person is erased, or its stay is forgotten. See Privacy in the documentation.';
END;
