-- Erases a person from one segment, and returns how many events of it have changed. presence_begin_erasure was called
-- before, in an earlier transaction or in this one.
--
-- In the events of the person up to up_to, the pseudonym takes the place of the user, and the data are removed. Stays in
-- excluded are left as they are. In the events at the positions mentions, which may be those of others, only the data are
-- removed: an empty object takes their place. Each of these events keeps the commitment that its seal has, or will have.
--
-- The record of it is added first: the guard of the segment admits an UPDATE only in a transaction that has one.
CREATE FUNCTION presence_erase_events(
    segment text, person text, up_to bigint, excluded bigint[], mentions bigint[], operator text
)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    target presence_segment;
    schema pg_catalog.text;
    pseudonym pg_catalog.text;
    hold pg_catalog.text;
    is_theirs pg_catalog.text;
    positions pg_catalog.int8[];
    newly pg_catalog.int8;
BEGIN
    PERFORM
-- include presence_events queries/seals/lock_call
    ;
    SELECT e.pseudonym INTO pseudonym FROM presence_erasing AS e
    WHERE e.person OPERATOR(pg_catalog.=) presence_erase_events.person;
    SELECT s.* INTO target FROM presence_segment AS s
    WHERE s.name OPERATOR(pg_catalog.=) presence_erase_events.segment
        AND s.state OPERATOR(pg_catalog.<>) 'removed';
    IF pseudonym IS NULL OR target.name IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'the erasure has not begun, or there is no such segment',
            HINT = 'Erase a person with manage.py presence_erase.';
    END IF;
    SELECT n.nspname INTO STRICT schema
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass;
    -- Retention has dropped it, and has not noted that yet.
    IF pg_catalog.to_regclass(pg_catalog.format('%I.%I', schema, target.name)) IS NULL THEN
        RETURN 0;
    END IF;
    -- The literal gets the type of the column, so an index of the segment can serve.
    is_theirs := pg_catalog.format(
        '(user_id OPERATOR(pg_catalog.=) %L AND id OPERATOR(pg_catalog.<=) $1
            AND session OPERATOR(pg_catalog.<>) ALL ($2))',
        person
    );
    EXECUTE pg_catalog.format(
        'SELECT pg_catalog.array_agg(id), count(*) FILTER (WHERE commitment IS NULL)
        FROM %I.%I WHERE %s OR id OPERATOR(pg_catalog.=) ANY ($3) AND data OPERATOR(pg_catalog.<>) ''{}''',
        schema, target.name, is_theirs
    ) INTO positions, newly USING up_to, excluded, mentions;
    IF positions IS NULL THEN
        RETURN 0;
    END IF;
    LOCK TABLE presence_hold IN SHARE MODE;
    SELECT h.name INTO hold FROM presence_hold AS h
    WHERE h.released_at IS NULL
        AND (
            h.from_day IS NULL OR target.end_day IS NULL
            OR target.end_day OPERATOR(pg_catalog.>) h.from_day
        )
    LIMIT 1;
    IF hold IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = pg_catalog.format('%s is not changed because of the hold %L', target.name, hold),
            HINT = 'Release the hold with manage.py presence_retention --release, then erase the person again.';
    END IF;
    EXECUTE pg_catalog.format(
        'INSERT INTO presence_seal_key (subject, key)
        SELECT DISTINCT presence_subject(user_id::pg_catalog.text, session, id),
-- include presence_events queries/seals/new_key
        FROM %I.%I
        WHERE id OPERATOR(pg_catalog.=) ANY ($1) AND commitment IS NULL
        ON CONFLICT (subject) DO NOTHING',
        schema, target.name
    ) USING positions;
    INSERT INTO presence_erasure (at, tx, operator, segment, events)
    VALUES (
        pg_catalog.transaction_timestamp(), pg_catalog.pg_current_xact_id(), operator, target.name, newly
    );
    EXECUTE pg_catalog.format(
        'UPDATE %1$I.%2$I AS event
        SET user_id = CASE WHEN %3$s THEN %4$L ELSE user_id END,
            data = CASE WHEN data IS NOT NULL THEN ''{}''::pg_catalog.jsonb END,
            commitment = coalesce(commitment, (
                SELECT presence_commitment(k.key, event.id, event.user_id::pg_catalog.text, event.data::pg_catalog.text)
                FROM presence_seal_key AS k
                WHERE k.subject OPERATOR(pg_catalog.=)
                    presence_subject(event.user_id::pg_catalog.text, event.session, event.id)
            ))
        WHERE id OPERATOR(pg_catalog.=) ANY ($3)',
        schema, target.name, is_theirs, pseudonym
    ) USING up_to, excluded, positions;
    RETURN pg_catalog.cardinality(positions);
END;
$$
