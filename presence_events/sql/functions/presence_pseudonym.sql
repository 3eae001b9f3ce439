-- Returns the pseudonym that a user has today, in UTC: a key of the same type, the same for all callers.
--
-- It is made from the key of the user with a secret of the day. Users with different keys have different pseudonyms:
--
-- - Whole numbers: a negative odd number, by a permutation. Numbers up to a quarter of the range of the type have one.
-- - UUIDs: a UUID that begins with da117000, and 96 bits of a hash.
-- - Text: "daily-" and 32 hexadecimal digits of a hash, or as many as the column of the log has room for.
--
-- No role but the owner reads the secrets. That of the next day is made together with that of the day: at midnight no call
-- waits until another transaction has made it. Those of past days are deleted.
CREATE FUNCTION presence_pseudonym(key anyelement)
RETURNS anyelement LANGUAGE plpgsql STRICT SECURITY DEFINER AS $$
DECLARE
    today CONSTANT pg_catalog.date := pg_catalog.timezone('UTC', pg_catalog.clock_timestamp())::pg_catalog.date;
    today_secret pg_catalog.bytea;
    is_ready pg_catalog.bool;
    hash pg_catalog.bytea;
    half pg_catalog.int4;
    mask pg_catalog.int8;
    high pg_catalog.int8;
    low pg_catalog.int8;
    mixed pg_catalog.int8;
    category pg_catalog."char";
    length pg_catalog.int4;
BEGIN
    SELECT
        k.secret,
        NOT EXISTS (SELECT FROM presence_pseudonym_key WHERE day OPERATOR(pg_catalog.<) today)
            AND EXISTS (SELECT FROM presence_pseudonym_key WHERE day OPERATOR(pg_catalog.>) today)
    INTO today_secret, is_ready
    FROM presence_pseudonym_key AS k
    WHERE k.day OPERATOR(pg_catalog.=) today;
    IF today_secret IS NULL
        OR NOT is_ready AND pg_catalog.pg_try_advisory_xact_lock(
            'presence_pseudonym_key'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int8
        )
    THEN
        PERFORM presence_forget_pseudonyms();
        INSERT INTO presence_pseudonym_key (day, secret)
        SELECT
            today OPERATOR(pg_catalog.+) later,
            pg_catalog.sha256(
                pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
                OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
            )
        FROM pg_catalog.generate_series(0, 1) AS later
        ON CONFLICT (day) DO NOTHING;
        SELECT k.secret INTO STRICT today_secret
        FROM presence_pseudonym_key AS k
        WHERE k.day OPERATOR(pg_catalog.=) today;
    END IF;

    half := CASE
        WHEN pg_catalog.pg_typeof(key) OPERATOR(pg_catalog.=) 'smallint'::pg_catalog.regtype THEN 7
        WHEN pg_catalog.pg_typeof(key) OPERATOR(pg_catalog.=) 'integer'::pg_catalog.regtype THEN 15
        WHEN pg_catalog.pg_typeof(key) OPERATOR(pg_catalog.=) 'bigint'::pg_catalog.regtype THEN 31
    END;
    IF half IS NOT NULL THEN
        -- A Feistel network permutes the numbers of 2 * half bits.
        mask := (1::pg_catalog.int8 OPERATOR(pg_catalog.<<) half) OPERATOR(pg_catalog.-) 1::pg_catalog.int8;
        low := key::pg_catalog.text::pg_catalog.int8;
        high := low OPERATOR(pg_catalog.>>) half;
        IF high OPERATOR(pg_catalog.<) 0 OR high OPERATOR(pg_catalog.>) mask THEN
            RAISE EXCEPTION USING
                ERRCODE = 'numeric_value_out_of_range',
                MESSAGE = 'there are no pseudonyms for keys of users that are negative or so large',
                HINT = 'Set "users" of CHANNELS_PRESENCE_PRIVACY to "anonymous" or "named".';
        END IF;
        low := low OPERATOR(pg_catalog.&) mask;
        FOR round IN 1..8 LOOP
            hash := pg_catalog.sha256(
                today_secret
                OPERATOR(pg_catalog.||) pg_catalog.int4send(round) OPERATOR(pg_catalog.||) pg_catalog.int8send(low)
            );
            mixed := (
                (pg_catalog.get_byte(hash, 0)::pg_catalog.int8 OPERATOR(pg_catalog.<<) 24)
                OPERATOR(pg_catalog.|) (pg_catalog.get_byte(hash, 1)::pg_catalog.int8 OPERATOR(pg_catalog.<<) 16)
                OPERATOR(pg_catalog.|) (pg_catalog.get_byte(hash, 2)::pg_catalog.int8 OPERATOR(pg_catalog.<<) 8)
                OPERATOR(pg_catalog.|) pg_catalog.get_byte(hash, 3)::pg_catalog.int8
            ) OPERATOR(pg_catalog.&) mask;
            mixed := high OPERATOR(pg_catalog.#) mixed;
            high := low;
            low := mixed;
        END LOOP;
        mixed := (high OPERATOR(pg_catalog.<<) half) OPERATOR(pg_catalog.|) low;
        RETURN '-1'::pg_catalog.int8 OPERATOR(pg_catalog.-) mixed OPERATOR(pg_catalog.-) mixed;
    END IF;

    hash := pg_catalog.sha256(today_secret OPERATOR(pg_catalog.||) pg_catalog.convert_to(key::pg_catalog.text, 'UTF8'));
    IF pg_catalog.pg_typeof(key) OPERATOR(pg_catalog.=) 'uuid'::pg_catalog.regtype THEN
        RETURN pg_catalog.concat(
            'da117000', pg_catalog.encode(pg_catalog.substring(hash, 1, 12), 'hex')
        )::pg_catalog.uuid;
    END IF;
    SELECT
        (SELECT typcategory FROM pg_catalog.pg_type WHERE oid OPERATOR(pg_catalog.=) pg_catalog.pg_typeof(key)),
        atttypmod OPERATOR(pg_catalog.-) 4
    INTO category, length
    FROM pg_catalog.pg_attribute
    WHERE attrelid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass
        AND attname OPERATOR(pg_catalog.=) 'user_id'::pg_catalog.name;
    IF category OPERATOR(pg_catalog.<>) 'S'::pg_catalog."char"
        OR length OPERATOR(pg_catalog.>) 0 AND length OPERATOR(pg_catalog.<) 16
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = pg_catalog.format('there are no pseudonyms for keys of the type %s', pg_catalog.pg_typeof(key)),
            DETAIL = 'Text needs a column with room for 16 characters.',
            HINT = 'Set "users" of CHANNELS_PRESENCE_PRIVACY to "anonymous" or "named".';
    END IF;
    RETURN pg_catalog.left(
        pg_catalog.concat('daily-', pg_catalog.encode(pg_catalog.substring(hash, 1, 16), 'hex')),
        CASE WHEN length OPERATOR(pg_catalog.>) 0 THEN length ELSE 38 END
    );
END
$$
