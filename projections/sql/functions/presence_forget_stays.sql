-- Forgets stays without history that ended before a time, at most so many, and returns their number: removes the users and
-- the data from their events, and deletes their keys. What remains says that some connection was there.
--
-- A stay is forgotten as a whole. It is left as it is while a hold keeps one of its segments. So is an open stay: the first
-- query sees the events of a stay and whether it is open at the same moment.
CREATE FUNCTION presence_forget_stays(ended_before timestamptz, at_most integer, operator text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    sessions pg_catalog.int8[];
    segment pg_catalog.text;
BEGIN
    PERFORM
-- include presence_events queries/seals/lock_call
    ;
    LOCK TABLE presence_hold IN SHARE MODE;
    sessions := ARRAY(
        WITH known AS (
            SELECT
                session,
                bool_or(
                    kind OPERATOR(pg_catalog.=) ANY (ARRAY['leave', 'prune']::pg_catalog.text[])
                    AND at OPERATOR(pg_catalog.>=) ended_before
                ) AS is_recent,
                array_agg(DISTINCT tableoid::pg_catalog.regclass::pg_catalog.text) AS segments
            FROM presence_event
            WHERE true
-- include presence_events queries/erasure/is_remembered
            GROUP BY session
        )
        SELECT session
        FROM known
        WHERE NOT is_recent
            AND NOT EXISTS (
                SELECT FROM presence_open_stay AS p WHERE p.id OPERATOR(pg_catalog.=) known.session
            )
            AND NOT EXISTS (
                SELECT FROM presence_segment AS s
                JOIN presence_hold AS h
                    ON h.from_day IS NULL OR s.end_day IS NULL OR s.end_day OPERATOR(pg_catalog.>) h.from_day
                WHERE h.released_at IS NULL AND s.name OPERATOR(pg_catalog.=) ANY (known.segments)
            )
        LIMIT at_most
    );
    INSERT INTO presence_seal_key (subject, key)
    SELECT pg_catalog.concat('session:', session),
-- include presence_events queries/seals/new_key
    FROM unnest(sessions) AS session
    ON CONFLICT (subject) DO NOTHING;
    FOR segment IN
        INSERT INTO presence_erasure (at, tx, operator, segment, events)
        SELECT pg_catalog.transaction_timestamp(), pg_catalog.pg_current_xact_id(), operator, c.relname, count(*)
        FROM presence_event AS event
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) event.tableoid
        WHERE session OPERATOR(pg_catalog.=) ANY (sessions)
-- include presence_events queries/erasure/is_remembered
        GROUP BY c.relname
        RETURNING segment
    LOOP
        EXECUTE pg_catalog.format(
            'UPDATE %I AS event
            SET user_id = NULL,
                data = CASE WHEN data IS NOT NULL THEN ''{}''::pg_catalog.jsonb END,
                commitment = presence_commitment(k.key, event.id, event.user_id::pg_catalog.text, event.data::pg_catalog.text)
            FROM presence_seal_key AS k
            WHERE session OPERATOR(pg_catalog.=) ANY ($1)
                AND k.subject OPERATOR(pg_catalog.=) pg_catalog.concat(''session:'', session)
-- include presence_events queries/erasure/is_remembered
            ',
            segment
        ) USING sessions;
    END LOOP;
    IF EXISTS (SELECT FROM presence_baseline_stay WHERE id OPERATOR(pg_catalog.=) ANY (sessions)) THEN
        ALTER TABLE presence_baseline_stay DISABLE TRIGGER USER;
        UPDATE presence_baseline_stay
        SET user_id = NULL, data = CASE WHEN data IS NOT NULL THEN '{}'::pg_catalog.jsonb END
        WHERE id OPERATOR(pg_catalog.=) ANY (sessions);
        ALTER TABLE presence_baseline_stay ENABLE TRIGGER USER;
    END IF;
    IF sessions OPERATOR(pg_catalog.<>) '{}'::pg_catalog.int8[] THEN
-- include projections queries/erasure/clear_dead_letters
    END IF;
    -- Also keys of stays that were erased together with their person.
    DELETE FROM presence_seal_key AS k
    WHERE k.subject OPERATOR(pg_catalog.>=) 'session:-' AND k.subject OPERATOR(pg_catalog.<) 'session:.'
        AND NOT EXISTS (
            SELECT FROM presence_event
            WHERE session OPERATOR(pg_catalog.=) pg_catalog.substr(k.subject, 9)::pg_catalog.int8
-- include presence_events queries/erasure/is_remembered
        );
    RETURN pg_catalog.cardinality(sessions);
END;
$$
