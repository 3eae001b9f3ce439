-- An UPDATE of an event erases a person, and nothing else. The pseudonym of an erasure that has begun takes the place of
-- the user, or the user stays, or a stay without history loses its user. An empty object takes the place of the data. The
-- commitment stays, or stands for what was there.
DECLARE
    is_erased pg_catalog.bool;
BEGIN
    SELECT
        NEW.commitment OPERATOR(pg_catalog.=) coalesce(OLD.commitment, (
            SELECT presence_commitment(k.key, OLD.id, OLD.user_id::pg_catalog.text, OLD.data::pg_catalog.text)
            FROM presence_seal_key AS k
            WHERE k.subject OPERATOR(pg_catalog.=)
                presence_subject(OLD.user_id::pg_catalog.text, OLD.session, OLD.id)
        ))
        AND (
            NEW.user_id OPERATOR(pg_catalog.=) OLD.user_id
            OR NEW.user_id IS NULL AND (OLD.user_id IS NULL OR OLD.session OPERATOR(pg_catalog.<) 0)
            OR EXISTS (
                SELECT FROM presence_erasing AS e
                WHERE e.person OPERATOR(pg_catalog.=) OLD.user_id::pg_catalog.text
                    AND e.pseudonym OPERATOR(pg_catalog.=) NEW.user_id::pg_catalog.text
            )
        )
        AND (
            NEW.data IS NULL AND OLD.data IS NULL
            OR NEW.data OPERATOR(pg_catalog.=) '{}'::pg_catalog.jsonb AND OLD.data IS NOT NULL
        )
        AND pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) '{user_id,data,commitment}'::pg_catalog.text[]
            OPERATOR(pg_catalog.=)
            (pg_catalog.to_jsonb(OLD) OPERATOR(pg_catalog.-) '{user_id,data,commitment}'::pg_catalog.text[])
    INTO is_erased;
    IF is_erased THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('UPDATE on %s is refused: the presence log is append-only', TG_TABLE_NAME),
        HINT = 'Events change only to erase a person, or to forget a stay without history. See Privacy in the documentation.';
END;
