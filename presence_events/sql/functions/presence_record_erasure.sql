-- Records that a file of an archive is about to be replaced by one without a person.
CREATE FUNCTION presence_record_erasure(file text, events bigint, operator text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM
-- include presence_events queries/seals/lock_call
    ;
    IF file OPERATOR(pg_catalog.!~) '\.parquet$' OR NOT EXISTS (SELECT FROM presence_erasing) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'no erasure has begun, or this is not a file of an archive',
            HINT = 'Erase a person with manage.py presence_erase.';
    END IF;
    INSERT INTO presence_erasure (at, tx, operator, segment, events)
    VALUES (pg_catalog.transaction_timestamp(), pg_catalog.pg_current_xact_id(), operator, file, events);
END;
$$
