-- Begins the erasure of a person, and returns the pseudonym of the person: the given one, or that of an erasure which was
-- interrupted. From now on nothing is sealed until presence_end_erasure: what the person joins meanwhile is not sealed
-- under a key that is about to be deleted.
CREATE FUNCTION presence_begin_erasure(person text, pseudonym text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    known pg_catalog.text;
    is_used pg_catalog.bool;
BEGIN
    PERFORM
-- include presence_events queries/seals/lock_call
    ;
    SELECT erasing.pseudonym INTO known FROM presence_erasing AS erasing
    WHERE erasing.person OPERATOR(pg_catalog.=) presence_begin_erasure.person;
    IF FOUND THEN
        RETURN known;
    END IF;
    EXECUTE pg_catalog.format(
        'SELECT EXISTS (
            SELECT FROM presence_event
            WHERE kind OPERATOR(pg_catalog.<>) ''touch'' AND user_id OPERATOR(pg_catalog.=) %L
        )',
        presence_begin_erasure.pseudonym
    ) INTO is_used;
    IF is_used
        OR presence_begin_erasure.pseudonym
            OPERATOR(pg_catalog.!~) '^(-[0-9]*[02468]|e2a5ed00-[0-9a-f-]{27}|erased-[0-9a-f]+)$'
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = 'this cannot be the pseudonym of an erased person',
            HINT = 'Erase a person with manage.py presence_erase, which draws a pseudonym.';
    END IF;
    INSERT INTO presence_erasing (person, pseudonym)
    VALUES (presence_begin_erasure.person, presence_begin_erasure.pseudonym);
    RETURN presence_begin_erasure.pseudonym;
END;
$$
