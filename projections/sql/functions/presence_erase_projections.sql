-- Erases a person from what is kept beside the log: the stays of the baseline, apart from those in excluded, and the errors of
-- dead letters that belong to erased events of any person. presence_begin_erasure was called before.
CREATE FUNCTION presence_erase_projections(person text, excluded bigint[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    pseudonym pg_catalog.text;
    theirs pg_catalog.text;
    is_in_baseline pg_catalog.bool;
BEGIN
    SELECT e.pseudonym INTO pseudonym FROM presence_erasing AS e
    WHERE e.person OPERATOR(pg_catalog.=) presence_erase_projections.person;
    IF pseudonym IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'the erasure has not begun',
            HINT = 'Erase a person with manage.py presence_erase.';
    END IF;
    theirs := pg_catalog.format(
        'user_id OPERATOR(pg_catalog.=) %L AND id OPERATOR(pg_catalog.<>) ALL ($1)', person
    );
    EXECUTE pg_catalog.concat('SELECT EXISTS (SELECT FROM presence_baseline_stay WHERE ', theirs, ')')
    INTO is_in_baseline USING excluded;
    IF is_in_baseline THEN
        ALTER TABLE presence_baseline_stay DISABLE TRIGGER USER;
        EXECUTE pg_catalog.format(
            'UPDATE presence_baseline_stay
            SET user_id = %L, data = CASE WHEN data IS NOT NULL THEN ''{}''::pg_catalog.jsonb END
            WHERE %s',
            pseudonym, theirs
        ) USING excluded;
        ALTER TABLE presence_baseline_stay ENABLE TRIGGER USER;
    END IF;
-- include projections queries/erasure/clear_dead_letters
END;
$$
