-- Ends the erasure of a person: deletes the key of the person, and the link to the pseudonym. The commitments tell nothing
-- from now on. Does nothing if no erasure of the person has begun. Raises an error if sealed events of the person are left.
CREATE FUNCTION presence_end_erasure(person text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    is_left pg_catalog.bool;
BEGIN
    PERFORM
-- include presence_events queries/seals/lock_call
    ;
    IF NOT EXISTS (
        SELECT FROM presence_erasing AS e WHERE e.person OPERATOR(pg_catalog.=) presence_end_erasure.person
    ) THEN
        RETURN;
    END IF;
    EXECUTE pg_catalog.format(
        'SELECT EXISTS (
            SELECT FROM presence_event
            WHERE user_id OPERATOR(pg_catalog.=) %L
                AND id OPERATOR(pg_catalog.<=) (SELECT max(up_to) FROM presence_seal)
        )',
        person
    ) INTO is_left;
    IF is_left THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'the log has sealed events of this person',
            HINT = 'Erase the person again.';
    END IF;
    -- The guard of the keys looks for the erasure.
    DELETE FROM presence_seal_key
    WHERE subject OPERATOR(pg_catalog.=) pg_catalog.concat('user:', presence_end_erasure.person);
    DELETE FROM presence_erasing AS e WHERE e.person OPERATOR(pg_catalog.=) presence_end_erasure.person;
END;
$$
