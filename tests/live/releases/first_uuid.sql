--
-- PostgreSQL database dump
--



SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: presence_open_stay; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_open_stay (
    id bigint NOT NULL,
    joined_at timestamp with time zone NOT NULL,
    touched_at timestamp with time zone NOT NULL,
    user_id uuid,
    is_leased boolean NOT NULL,
    room text NOT NULL COLLATE pg_catalog."C",
    channel_name text NOT NULL COLLATE pg_catalog."C",
    process text COLLATE pg_catalog."C",
    exclusive_room text COLLATE pg_catalog."C",
    data jsonb
)
WITH (fillfactor='50');


--
-- Name: presence_process; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_process (
    name text NOT NULL COLLATE pg_catalog."C",
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
);


--
-- Name: last_seen(public.presence_open_stay); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.last_seen(stay public.presence_open_stay) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN GREATEST((stay).touched_at, CASE WHEN (stay).is_leased THEN (SELECT p.seen_at FROM public.presence_process p WHERE (p.name = (last_seen.stay).process)) ELSE NULL::timestamp with time zone END);


--
-- Name: pgtrigger_append_only_6794e(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_append_only_6794e() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_event"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_append_only_6794e is a trigger function of the table "presence_event" only';
    END IF;
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the presence log is append-only', TG_OP, TG_TABLE_NAME),
        HINT = 'To end a stay, record a leave or a prune. To remove old events, see Retention in the documentation.';
END;
END
$$;


--
-- Name: pgtrigger_erased_only_d477e(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_erased_only_d477e() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_event"'::pg_catalog.regclass AND (
        TG_TABLE_SCHEMA OPERATOR(pg_catalog.<>) pg_catalog.current_schema()
        OR NOT pg_catalog.starts_with(
            TG_TABLE_NAME::pg_catalog.text, pg_catalog.btrim('"presence_event"', '"') OPERATOR(pg_catalog.||) '_'
        )
    )
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_erased_only_d477e is a trigger function of the table "presence_event" only';
    END IF;
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
END
$$;


--
-- Name: pgtrigger_fold_72a36(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_fold_72a36() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $_$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_event"'::pg_catalog.regclass AND (
        TG_TABLE_SCHEMA OPERATOR(pg_catalog.<>) pg_catalog.current_schema()
        OR NOT pg_catalog.starts_with(
            TG_TABLE_NAME::pg_catalog.text, pg_catalog.btrim('"presence_event"', '"') OPERATOR(pg_catalog.||) '_'
        )
    )
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_fold_72a36 is a trigger function of the table "presence_event" only';
    END IF;
-- Applies an event to the projections, before it is inserted into the log. An event that changes nothing is left out of
-- the log: the trigger returns NULL.
--
-- The position in the log is drawn last, while the row that the event changes is locked. So the order of positions is
-- the order of changes, and a replay in that order produces the same rows.
--
-- The time of the event is read under the same lock. A touch and a join may wait for that lock after they have read the
-- clock, so they read it again if more than a millisecond has passed.
--
-- An event without a room concerns a server process: a touch is a beat, which renews the lease of the process, and a
-- prune ends the lease. A presence that depends on a lease was last seen at the later of its own touched_at and the
-- seen_at of the lease.
--
-- A join may have limits, which are checked against the stays as they are now, and not as the statement found them. With a
-- capacity, the room is locked against other such joins until the commit, and its people are counted. An exclusive join
-- needs that the user has no other stay in the room; a unique index makes it wait for another such join of the user. A
-- join that its limits do not allow is left out of the log, like any event that changes nothing. If it names a session, a
-- stay was to end for it in the same statement, so the statement fails instead.
--
-- A stay is hidden if the data of its join says so. A touch with new data changes nothing about that, and the end says it
-- too. So each event with data tells whether its stay is hidden, and readers of the log need no other event for it.
--
-- A stay without history has a negative session. The join asks for it by a session that is 0 or negative. After the end of
-- the stay, presence_forget_stays removes the user and the data from its events.
--
-- Functions, operators and types name their schema: an overload in another schema wins if its types match better.
DECLARE
    now pg_catalog.timestamptz;
    created pg_catalog.bool := false;
    is_of_process pg_catalog.bool := false;
    lease_seen_at pg_catalog.timestamptz;
    known pg_catalog.jsonb;
    is_hidden pg_catalog.bool;
    deferrable_keys pg_catalog.text;
    deferred_keys pg_catalog.text;
    referring_schema pg_catalog.text;
    referring_table pg_catalog.text;
    size pg_catalog.int4;
    people pg_catalog.int8;
    unmet pg_catalog.text;
    stay pg_catalog.int8;
    sign pg_catalog.int8;
    refused pg_catalog.text;
BEGIN
    IF NEW.data OPERATOR(pg_catalog.=) 'null'::pg_catalog.jsonb THEN
        NEW.data := NULL;
    END IF;
    -- presence_events.validation applies the same limits earlier. Text that is no longer than 128 bytes is too short for
    -- too many levels and for a number that is too large. Only a join can bring new names.
    IF NEW.data IS NOT NULL THEN
        size := pg_catalog.octet_length(NEW.data::pg_catalog.text);
        IF size OPERATOR(pg_catalog.>) 8192 THEN
            refused := pg_catalog.format('data has %s bytes as text, and the limit is 8192', size);
        ELSIF size OPERATOR(pg_catalog.>) 128
            AND pg_catalog.jsonb_path_exists(NEW.data, 'strict $.**{65}'::pg_catalog.jsonpath)
        THEN
            refused := 'the values of data are nested in more than 64 lists and objects';
        ELSIF size OPERATOR(pg_catalog.>) 308 AND pg_catalog.jsonb_path_exists(
            NEW.data,
            'strict $.** ? (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308)'::pg_catalog.jsonpath
        ) THEN
            refused := 'data contains a number that is larger than a floating-point number of 64 bits can be';
        END IF;
    END IF;
    IF NEW.room OPERATOR(pg_catalog.=) '' AND NEW.channel_name IS NULL AND NEW.process IS NOT NULL
        AND NEW.kind OPERATOR(pg_catalog.=) ANY (ARRAY['touch', 'prune']::pg_catalog.text[])
    THEN
        is_of_process := true;
        IF NEW.process OPERATOR(pg_catalog.=) ''
            OR pg_catalog.octet_length(NEW.process) OPERATOR(pg_catalog.>) 1024
        THEN
            refused := 'process has to be a name of 1 to 1024 bytes';
        END IF;
    ELSIF NEW.kind OPERATOR(pg_catalog.=) 'join' THEN
        IF NEW.room OPERATOR(pg_catalog.=) '' OR pg_catalog.octet_length(NEW.room) OPERATOR(pg_catalog.>) 255 THEN
            refused := 'room has to be a name of 1 to 255 bytes';
        ELSIF NEW.channel_name OPERATOR(pg_catalog.=) ''
            OR pg_catalog.octet_length(NEW.channel_name) OPERATOR(pg_catalog.>) 255
        THEN
            refused := 'channel_name has to be a name of 1 to 255 bytes';
        ELSIF pg_catalog.octet_length(NEW.process) OPERATOR(pg_catalog.>) 1024 THEN
            refused := 'process has to be a name of at most 1024 bytes';
        END IF;
    END IF;
    IF NEW.is_leased AND (
        NEW.process OPERATOR(pg_catalog.=) '' OR pg_catalog.octet_length(NEW.process) OPERATOR(pg_catalog.>) 1024
    ) THEN
        refused := 'process has to be a name of 1 to 1024 bytes';
    END IF;
    IF NEW.capacity IS NOT NULL OR NEW.is_exclusive IS NOT NULL OR NEW.commitment IS NOT NULL THEN
        IF NEW.commitment IS NOT NULL THEN
            refused := 'only the erasure of a person adds a commitment';
        END IF;
        -- On a leave, is_exclusive says that the stay ended for an exclusive join.
        IF NEW.kind OPERATOR(pg_catalog.<>) 'join' THEN
            NEW.capacity := NULL;
        ELSIF NEW.capacity OPERATOR(pg_catalog.<) 1 THEN
            refused := 'capacity has to be at least 1';
        END IF;
        IF NOT NEW.is_exclusive
            OR NEW.kind OPERATOR(pg_catalog.<>) ALL (ARRAY['join', 'leave']::pg_catalog.text[])
            OR NEW.kind OPERATOR(pg_catalog.=) 'join' AND NEW.user_id IS NULL
        THEN
            NEW.is_exclusive := NULL;
        END IF;
    END IF;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = pg_catalog.format('a %s is refused: %s', NEW.kind, refused),
            HINT = 'The documentation lists the limits of names and data: What may enter, in Guarantees.';
    END IF;
    IF NEW.channel_name IS NULL AND NOT is_of_process
        AND NEW.kind OPERATOR(pg_catalog.=) ANY (ARRAY['join', 'touch', 'leave']::pg_catalog.text[])
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'not_null_violation',
            MESSAGE = pg_catalog.format('a %s needs a channel_name', NEW.kind),
            HINT = 'Only the prune of a room itself and the events of a server process have no channel_name.';
    END IF;

    CASE
    WHEN is_of_process AND NEW.kind OPERATOR(pg_catalog.=) 'touch' THEN
        -- Each beat changes seen_at, also if the clock was set back: dead-server detection looks for a change. It never
        -- decreases.
        now := pg_catalog.clock_timestamp();
        INSERT INTO presence_process AS lease
            (name, started_at, seen_at)
        VALUES (NEW.process, now, now)
        ON CONFLICT (name) DO UPDATE
        SET seen_at = greatest(
            pg_catalog.clock_timestamp(), lease.seen_at OPERATOR(pg_catalog.+) '1 us'::pg_catalog.interval
        )
        RETURNING lease.started_at, lease.seen_at INTO NEW.since, NEW.at;
        NEW.session := NULL;
        NEW.user_id := NULL;
        NEW.last_seen := NULL;
        NEW.data := NULL;
        NEW.is_leased := NULL;

    WHEN is_of_process THEN
        -- The first statement waits for a beat in progress. The second one has a snapshot of its own.
        IF pg_catalog.current_setting('transaction_isolation')
            OPERATOR(pg_catalog.=) ANY (ARRAY['repeatable read', 'serializable']::pg_catalog.text[])
        THEN
            RAISE EXCEPTION USING
                ERRCODE = 'feature_not_supported',
                MESSAGE = 'the end of a lease is refused: an old snapshot does not show who depends on it',
                HINT = 'Record it in a READ COMMITTED transaction.';
        END IF;
        PERFORM FROM presence_process WHERE name OPERATOR(pg_catalog.=) NEW.process FOR UPDATE;
        DELETE FROM presence_process AS lease
        WHERE lease.name OPERATOR(pg_catalog.=) NEW.process
            AND NOT EXISTS (
                SELECT FROM presence_open_stay AS p
                WHERE p.process OPERATOR(pg_catalog.=) lease.name AND p.is_leased
            )
        RETURNING lease.started_at, lease.seen_at INTO NEW.since, NEW.last_seen;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        NEW.session := NULL;
        NEW.user_id := NULL;
        NEW.is_leased := NULL;
        NEW.at := greatest(pg_catalog.clock_timestamp(), NEW.last_seen);

    WHEN NEW.kind OPERATOR(pg_catalog.=) 'touch' THEN
        -- A touch may make a stay depend on the lease of a process, or no longer depend on one. NULL changes nothing.
        IF NEW.process IS NULL AND NEW.is_leased THEN
            NEW.is_leased := NULL;
        END IF;
        IF NEW.data IS NOT NULL THEN
            -- A touch with data means that the data changed, so data that is already present is removed from the touch.
            SELECT data INTO known FROM presence_open_stay
            WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name
            FOR NO KEY UPDATE;
            IF known OPERATOR(pg_catalog.@>) '{"presence.hidden": true}'::pg_catalog.jsonb THEN
                IF pg_catalog.jsonb_typeof(NEW.data) OPERATOR(pg_catalog.<>) 'object' THEN
                    RAISE EXCEPTION USING
                        ERRCODE = 'check_violation',
                        MESSAGE = 'a touch is refused: the data of a hidden connection has to be an object',
                        HINT = 'Pass a dict, or let the connection join again without hidden=True.';
                END IF;
                NEW.data := NEW.data OPERATOR(pg_catalog.||) '{"presence.hidden": true}'::pg_catalog.jsonb;
            ELSIF NEW.data OPERATOR(pg_catalog.@>) '{"presence.hidden": true}'::pg_catalog.jsonb THEN
                NEW.data := NEW.data OPERATOR(pg_catalog.-) 'presence.hidden'::pg_catalog.text;
            END IF;
            IF known OPERATOR(pg_catalog.=) NEW.data THEN
                NEW.data := NULL;
            END IF;
        END IF;
        IF NEW.is_leased IS NULL THEN
            UPDATE presence_open_stay
            SET touched_at = greatest(touched_at, pg_catalog.clock_timestamp()), data = coalesce(NEW.data, data)
            WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name
                AND (NEW.session IS NULL OR id OPERATOR(pg_catalog.=) NEW.session)
            RETURNING id, user_id, joined_at, touched_at INTO NEW.session, NEW.user_id, NEW.since, NEW.at;
            NEW.process := NULL;
        ELSE
            -- Without its lease, the stay was last seen no earlier than with it.
            UPDATE presence_open_stay AS p
            SET touched_at = greatest(
                    p.touched_at,
                    pg_catalog.clock_timestamp(),
                    CASE WHEN p.is_leased THEN (
                        SELECT l.seen_at FROM presence_process AS l WHERE l.name OPERATOR(pg_catalog.=) p.process
                    ) END
                ),
                data = coalesce(NEW.data, p.data),
                is_leased = NEW.is_leased,
                process = CASE WHEN NEW.is_leased THEN NEW.process ELSE p.process END
            WHERE p.room OPERATOR(pg_catalog.=) NEW.room AND p.channel_name OPERATOR(pg_catalog.=) NEW.channel_name
                AND (NEW.session IS NULL OR p.id OPERATOR(pg_catalog.=) NEW.session)
            RETURNING p.id, p.user_id, p.joined_at, p.touched_at, p.process
            INTO NEW.session, NEW.user_id, NEW.since, NEW.at, NEW.process;
        END IF;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) NEW.at
            OPERATOR(pg_catalog.>) '1 ms'::pg_catalog.interval
        THEN
            UPDATE presence_open_stay SET touched_at = pg_catalog.clock_timestamp()
            WHERE id OPERATOR(pg_catalog.=) NEW.session
            RETURNING touched_at INTO NEW.at;
        END IF;
        NEW.last_seen := NULL;

    WHEN NEW.kind OPERATOR(pg_catalog.=) 'join' THEN
        -- Waits while another transaction ends a stay of this connection, so the new stay begins after that end.
        PERFORM FROM presence_open_stay
        WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name
        FOR UPDATE;
        IF FOUND THEN
            RETURN NULL;
        END IF;
        -- Waits while another transaction prunes the room, and then creates the room again.
        LOOP
            IF NEW.capacity IS NULL THEN
                SELECT created_at INTO now FROM presence_room
                WHERE channel_name OPERATOR(pg_catalog.=) NEW.room
                FOR KEY SHARE;
            ELSIF pg_catalog.current_setting('transaction_isolation')
                OPERATOR(pg_catalog.=) ANY (ARRAY['repeatable read', 'serializable']::pg_catalog.text[])
            THEN
                RAISE EXCEPTION USING
                    ERRCODE = 'feature_not_supported',
                    MESSAGE = 'a join with a capacity is refused: an old snapshot does not show who is in the room',
                    HINT = 'Record it in a READ COMMITTED transaction.';
            ELSE
                SELECT created_at INTO now FROM presence_room
                WHERE channel_name OPERATOR(pg_catalog.=) NEW.room
                FOR NO KEY UPDATE;
            END IF;
            created := NOT FOUND;
            -- The clock may have been set back. The join does not come before its room.
            now := greatest(now, pg_catalog.clock_timestamp());
            EXIT WHEN NOT created;
            INSERT INTO presence_room (channel_name, created_at) VALUES (NEW.room, now) ON CONFLICT DO NOTHING;
            created := FOUND;
            EXIT WHEN created;
        END LOOP;
        NEW.is_leased := coalesce(NEW.is_leased, false) AND NEW.process IS NOT NULL;
        sign := CASE WHEN NEW.session OPERATOR(pg_catalog.<=) 0 THEN '-1'::pg_catalog.int8 ELSE 1 END;
        IF NEW.capacity IS NULL AND NEW.is_exclusive IS NULL THEN
            INSERT INTO presence_open_stay
                (id, room, channel_name, user_id, joined_at, touched_at, data, process, is_leased)
            VALUES (
                sign OPERATOR(pg_catalog.*) pg_catalog.nextval('presence_open_stay_id_seq'::pg_catalog.regclass),
                NEW.room, NEW.channel_name, NEW.user_id, now, now, NEW.data, NEW.process, NEW.is_leased
            )
            ON CONFLICT (room, channel_name) DO NOTHING
            RETURNING id INTO NEW.session;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
        ELSE
            IF NEW.is_exclusive THEN
                PERFORM FROM presence_open_stay
                WHERE room OPERATOR(pg_catalog.=) NEW.room AND user_id OPERATOR(pg_catalog.=) NEW.user_id;
                IF FOUND THEN
                    unmet := 'presence_exclusive';
                END IF;
            END IF;
            -- Another connection of a person who is in the room takes no place.
            IF NEW.capacity IS NOT NULL AND unmet IS NULL THEN
                SELECT CASE
                    WHEN pg_catalog.bool_or(user_id OPERATOR(pg_catalog.=) NEW.user_id) THEN 0
                    ELSE pg_catalog.count(DISTINCT user_id)
                        OPERATOR(pg_catalog.+) pg_catalog.count(channel_name) FILTER (WHERE user_id IS NULL)
                END
                INTO people
                FROM presence_open_stay
                WHERE room OPERATOR(pg_catalog.=) NEW.room;
                IF people OPERATOR(pg_catalog.>=) NEW.capacity THEN
                    unmet := 'presence_capacity';
                END IF;
            END IF;
            IF unmet IS NULL THEN
                INSERT INTO presence_open_stay
                    (id, room, channel_name, user_id, joined_at, touched_at, data, process, is_leased, exclusive_room)
                VALUES (
                    sign OPERATOR(pg_catalog.*) pg_catalog.nextval('presence_open_stay_id_seq'::pg_catalog.regclass),
                    NEW.room, NEW.channel_name, NEW.user_id, now, now, NEW.data, NEW.process, NEW.is_leased,
                    CASE WHEN NEW.is_exclusive THEN NEW.room END
                )
                ON CONFLICT DO NOTHING
                RETURNING id INTO stay;
                unmet := CASE WHEN NOT FOUND THEN 'presence_exclusive' END;
            END IF;
            IF unmet IS NOT NULL THEN
                IF NEW.session IS NULL OR NEW.session OPERATOR(pg_catalog.=) 0 THEN
                    RETURN NULL;
                END IF;
                RAISE EXCEPTION USING
                    ERRCODE = 'check_violation',
                    CONSTRAINT = unmet,
                    MESSAGE = 'the limits of a join do not allow it, and a stay was to end for it',
                    HINT = 'Repeat it, or treat it as refused.';
            END IF;
            NEW.session := stay;
        END IF;
        -- In a room that this join has just created, there was no other join to wait for.
        IF NOT created
            AND pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) now
                OPERATOR(pg_catalog.>) '1 ms'::pg_catalog.interval
        THEN
            now := pg_catalog.clock_timestamp();
            UPDATE presence_open_stay SET joined_at = now, touched_at = now
            WHERE id OPERATOR(pg_catalog.=) NEW.session;
        END IF;
        NEW.since := now;
        NEW.last_seen := NULL;
        NEW.at := now;

    WHEN NEW.kind OPERATOR(pg_catalog.=) ANY (ARRAY['leave', 'prune']::pg_catalog.text[]) THEN
        IF NEW.channel_name IS NOT NULL THEN
            DELETE FROM presence_open_stay
            WHERE room OPERATOR(pg_catalog.=) NEW.room AND channel_name OPERATOR(pg_catalog.=) NEW.channel_name
                AND (NEW.session IS NULL OR id OPERATOR(pg_catalog.=) NEW.session)
            RETURNING id, user_id, joined_at, touched_at, process, is_leased,
                data OPERATOR(pg_catalog.@>) '{"presence.hidden": true}'::pg_catalog.jsonb
            INTO NEW.session, NEW.user_id, NEW.since, NEW.last_seen, NEW.process, NEW.is_leased, is_hidden;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            IF is_hidden THEN
                NEW.data := CASE
                    WHEN NEW.data IS NULL THEN '{"presence.hidden": true}'::pg_catalog.jsonb
                    WHEN pg_catalog.jsonb_typeof(NEW.data) OPERATOR(pg_catalog.=) 'object'
                        THEN NEW.data OPERATOR(pg_catalog.||) '{"presence.hidden": true}'::pg_catalog.jsonb
                    ELSE pg_catalog.jsonb_build_object('reason', NEW.data, 'presence.hidden', true)
                END;
            ELSIF NEW.data OPERATOR(pg_catalog.@>) '{"presence.hidden": true}'::pg_catalog.jsonb THEN
                NEW.data := NEW.data OPERATOR(pg_catalog.-) 'presence.hidden'::pg_catalog.text;
            END IF;
            IF NEW.is_leased THEN
                SELECT seen_at INTO lease_seen_at FROM presence_process
                WHERE name OPERATOR(pg_catalog.=) NEW.process;
                NEW.last_seen := greatest(NEW.last_seen, lease_seen_at);
            END IF;
            NEW.at := greatest(pg_catalog.clock_timestamp(), NEW.last_seen);
        ELSE
            -- Two statements, because each has its own snapshot: the second one sees connections that joined while the
            -- first one waited for the lock.
            PERFORM FROM presence_room WHERE channel_name OPERATOR(pg_catalog.=) NEW.room FOR UPDATE;
            IF pg_catalog.current_setting('transaction_isolation')
                OPERATOR(pg_catalog.<>) ALL (ARRAY['repeatable read', 'serializable']::pg_catalog.text[])
            THEN
                DELETE FROM presence_room AS r
                WHERE r.channel_name OPERATOR(pg_catalog.=) NEW.room
                    AND NOT EXISTS (
                        SELECT FROM presence_open_stay AS p WHERE p.room OPERATOR(pg_catalog.=) r.channel_name
                    )
                RETURNING created_at INTO NEW.since;
                IF NOT FOUND THEN
                    RETURN NULL;
                END IF;
            ELSE
                -- Both statements have the snapshot of the transaction, which does not see later joins. Only the check of
                -- the foreign key of presence does. So it is made after the DELETE, not at the commit. The foreign keys
                -- of other tables are checked when their transaction wants it, and fail as they would without this.
                BEGIN
                    DELETE FROM presence_room AS r
                    WHERE r.channel_name OPERATOR(pg_catalog.=) NEW.room
                        AND NOT EXISTS (
                            SELECT FROM presence_open_stay AS p WHERE p.room OPERATOR(pg_catalog.=) r.channel_name
                        )
                    RETURNING created_at INTO NEW.since;
                    IF NOT FOUND THEN
                        RETURN NULL;
                    END IF;
                    SELECT
                        pg_catalog.string_agg(pg_catalog.format('%I.%I', nspname, conname), ', '),
                        pg_catalog.string_agg(pg_catalog.format('%I.%I', nspname, conname), ', ')
                            FILTER (WHERE c.condeferred)
                    INTO deferrable_keys, deferred_keys
                    FROM pg_catalog.pg_constraint AS c
                    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.connamespace
                    WHERE c.conrelid OPERATOR(pg_catalog.=) 'presence_open_stay'::pg_catalog.regclass
                        AND c.confrelid OPERATOR(pg_catalog.=) 'presence_room'::pg_catalog.regclass
                        AND c.condeferrable;
                    IF deferrable_keys IS NOT NULL THEN
                        EXECUTE pg_catalog.concat('SET CONSTRAINTS ', deferrable_keys, ' IMMEDIATE');
                    END IF;
                EXCEPTION WHEN foreign_key_violation THEN
                    GET STACKED DIAGNOSTICS referring_schema := SCHEMA_NAME, referring_table := TABLE_NAME;
                    IF referring_schema OPERATOR(pg_catalog.<>) TG_TABLE_SCHEMA::pg_catalog.text
                        OR referring_table OPERATOR(pg_catalog.<>) 'presence_open_stay'
                    THEN
                        RAISE;
                    END IF;
                    RAISE EXCEPTION USING
                        ERRCODE = 'serialization_failure',
                        MESSAGE = 'could not serialize: the snapshot does not see who is in the room',
                        HINT = 'Repeat the transaction.';
                END;
                IF deferred_keys IS NOT NULL THEN
                    EXECUTE pg_catalog.concat('SET CONSTRAINTS ', deferred_keys, ' DEFERRED');
                END IF;
            END IF;
            NEW.session := NULL;
            NEW.user_id := NULL;
            NEW.last_seen := NULL;
            NEW.at := greatest(pg_catalog.clock_timestamp(), NEW.since);
        END IF;
        NEW.process := NULL;
        NEW.is_leased := NULL;
    END CASE;

    NEW.id := pg_catalog.nextval('presence_event_id_seq'::pg_catalog.regclass);
    NEW.tx := pg_catalog.pg_current_xact_id();
    RETURN NEW;
END;
END
$_$;


--
-- Name: pgtrigger_forgotten_c7c14(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_forgotten_c7c14() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $_$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_seal_key"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_forgotten_c7c14 is a trigger function of the table "presence_seal_key" only';
    END IF;
-- A key is deleted at the end of the erasure of its person, and that of a stay without history when no event of the stay
-- has a user or data any more.
BEGIN
    IF EXISTS (
        SELECT FROM presence_erasing AS e
        WHERE OLD.subject OPERATOR(pg_catalog.=) pg_catalog.concat('user:', e.person)
    ) OR OLD.subject OPERATOR(pg_catalog.~) '^session:-[0-9]+$' AND NOT EXISTS (
        SELECT FROM presence_event
        WHERE session OPERATOR(pg_catalog.=) pg_catalog.substr(OLD.subject, 9)::pg_catalog.int8
            -- The event is of a stay without history, and has a user or data. The index presence_event_remembered has these.
            AND session OPERATOR(pg_catalog.<) 0 AND commitment IS NULL AND (user_id IS NOT NULL OR data IS NOT NULL)
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'DELETE on presence_seal_key is refused: the rows of this table are permanent',
        HINT = 'A key is deleted only when its person is erased, or its stay is forgotten. See Privacy in the documentation.';
END;
END
$_$;


--
-- Name: pgtrigger_names_are_final_400c9(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_names_are_final_400c9() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_open_stay"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_names_are_final_400c9 is a trigger function of the table "presence_open_stay" only';
    END IF;
-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '
               'Presence.objects.leave_all, or an INSERT into presence_event.';
END;
END
$$;


--
-- Name: pgtrigger_names_are_final_66411(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_names_are_final_66411() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_room"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_names_are_final_66411 is a trigger function of the table "presence_room" only';
    END IF;
-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '
               'Presence.objects.leave_all, or an INSERT into presence_event.';
END;
END
$$;


--
-- Name: pgtrigger_names_are_final_b7f96(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_names_are_final_b7f96() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_process"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_names_are_final_b7f96 is a trigger function of the table "presence_process" only';
    END IF;
-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '
               'Presence.objects.leave_all, or an INSERT into presence_event.';
END;
END
$$;


--
-- Name: pgtrigger_never_truncated_4a0ab(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_never_truncated_4a0ab() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_room"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_never_truncated_4a0ab is a trigger function of the table "presence_room" only';
    END IF;
-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '
               'Presence.objects.leave_all, or an INSERT into presence_event.';
END;
END
$$;


--
-- Name: pgtrigger_never_truncated_ea5ea(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_never_truncated_ea5ea() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_open_stay"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_never_truncated_ea5ea is a trigger function of the table "presence_open_stay" only';
    END IF;
-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '
               'Presence.objects.leave_all, or an INSERT into presence_event.';
END;
END
$$;


--
-- Name: pgtrigger_never_truncated_fbea3(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_never_truncated_fbea3() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_process"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_never_truncated_fbea3 is a trigger function of the table "presence_process" only';
    END IF;
-- Refuses every statement that fires it. Its triggers are set up to fire for writes that do not come from the fold.
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '
               'Presence.objects.leave_all, or an INSERT into presence_event.';
END;
END
$$;


--
-- Name: pgtrigger_only_erased_5f5aa(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_only_erased_5f5aa() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_attendance_report"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_only_erased_5f5aa is a trigger function of the table "presence_attendance_report" only';
    END IF;
-- A report is final, apart from whom it names: erasure puts a pseudonym in place of the key of a person, and removes the
-- name. The figures of the person stay, and so does the order of the rows.
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM pg_catalog.jsonb_array_elements(OLD.rows) WITH ORDINALITY AS before (part, number)
        FULL JOIN pg_catalog.jsonb_array_elements(NEW.rows) WITH ORDINALITY AS after (part, number)
            ON after.number OPERATOR(pg_catalog.=) before.number
        WHERE NOT coalesce(
            before.part OPERATOR(pg_catalog.=) after.part
                OR before.part OPERATOR(pg_catalog.->>) 'name'::pg_catalog.text IS NOT NULL
                AND after.part OPERATOR(pg_catalog.->) 'name'::pg_catalog.text
                    OPERATOR(pg_catalog.=) 'null'::pg_catalog.jsonb
                AND (before.part OPERATOR(pg_catalog.-) '{user_id,name}'::pg_catalog.text[])
                    OPERATOR(pg_catalog.=) (after.part OPERATOR(pg_catalog.-) '{user_id,name}'::pg_catalog.text[]),
            false
        )
    ) AND (pg_catalog.to_jsonb(OLD) OPERATOR(pg_catalog.-) 'rows'::pg_catalog.text)
        OPERATOR(pg_catalog.=) (pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) 'rows'::pg_catalog.text)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'UPDATE on presence_attendance_report is refused: a report is final, apart from the erasure of a person',
        HINT = 'To correct a report, add an annotation: projections.final_reports.annotating.annotate.';
END;
END
$$;


--
-- Name: pgtrigger_only_erased_742eb(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_only_erased_742eb() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_report_annotation"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_only_erased_742eb is a trigger function of the table "presence_report_annotation" only';
    END IF;
-- An annotation is final, apart from its author: erasure puts a pseudonym in place of the key, and removes the name.
BEGIN
    IF OLD.author_name IS NOT NULL AND NEW.author_name IS NULL
        AND (pg_catalog.to_jsonb(OLD) OPERATOR(pg_catalog.-) '{author,author_name}'::pg_catalog.text[])
            OPERATOR(pg_catalog.=)
            (pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) '{author,author_name}'::pg_catalog.text[])
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'UPDATE on presence_report_annotation is refused: an annotation is final, apart from its author',
        HINT = 'To correct it, add another one: projections.final_reports.annotating.annotate.';
END;
END
$$;


--
-- Name: pgtrigger_permanent_09448(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_permanent_09448() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_hold"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_permanent_09448 is a trigger function of the table "presence_hold" only';
    END IF;
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),
        HINT = 'To release a hold, run manage.py presence_retention --release.';
END;
END
$$;


--
-- Name: pgtrigger_permanent_2926e(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_permanent_2926e() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_removal"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_permanent_2926e is a trigger function of the table "presence_removal" only';
    END IF;
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),
        HINT = 'To release a hold, run manage.py presence_retention --release.';
END;
END
$$;


--
-- Name: pgtrigger_permanent_2a710(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_permanent_2a710() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_attendance_report"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_permanent_2a710 is a trigger function of the table "presence_attendance_report" only';
    END IF;
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),
        HINT = 'To release a hold, run manage.py presence_retention --release.';
END;
END
$$;


--
-- Name: pgtrigger_permanent_2e5f2(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_permanent_2e5f2() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_report_annotation"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_permanent_2e5f2 is a trigger function of the table "presence_report_annotation" only';
    END IF;
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),
        HINT = 'To release a hold, run manage.py presence_retention --release.';
END;
END
$$;


--
-- Name: pgtrigger_permanent_95b7b(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_permanent_95b7b() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_seal_key"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_permanent_95b7b is a trigger function of the table "presence_seal_key" only';
    END IF;
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),
        HINT = 'To release a hold, run manage.py presence_retention --release.';
END;
END
$$;


--
-- Name: pgtrigger_permanent_98da1(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_permanent_98da1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_seal"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_permanent_98da1 is a trigger function of the table "presence_seal" only';
    END IF;
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),
        HINT = 'To release a hold, run manage.py presence_retention --release.';
END;
END
$$;


--
-- Name: pgtrigger_permanent_a9542(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_permanent_a9542() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_erasure"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_permanent_a9542 is a trigger function of the table "presence_erasure" only';
    END IF;
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),
        HINT = 'To release a hold, run manage.py presence_retention --release.';
END;
END
$$;


--
-- Name: pgtrigger_permanent_f4819(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_permanent_f4819() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_seal_timestamp"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_permanent_f4819 is a trigger function of the table "presence_seal_timestamp" only';
    END IF;
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format('%s on %s is refused: the rows of this table are permanent', TG_OP, TG_TABLE_NAME),
        HINT = 'To release a hold, run manage.py presence_retention --release.';
END;
END
$$;


--
-- Name: pgtrigger_projected_only_1a348(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_projected_only_1a348() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
-- Refuses every statement outside of triggers. The statements of the fold are in a trigger, and this is another one.
BEGIN
    IF pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1 THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '
               'Presence.objects.leave_all, or an INSERT into presence_event.';
END;
END
$$;


--
-- Name: pgtrigger_projected_only_1a7ae(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_projected_only_1a7ae() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
-- Refuses every statement outside of triggers. The statements of the fold are in a trigger, and this is another one.
BEGIN
    IF pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1 THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '
               'Presence.objects.leave_all, or an INSERT into presence_event.';
END;
END
$$;


--
-- Name: pgtrigger_projected_only_e2ced(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_projected_only_e2ced() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
-- Refuses every statement outside of triggers. The statements of the fold are in a trigger, and this is another one.
BEGIN
    IF pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1 THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a projection of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Record an event instead: Room.objects.add, Room.objects.remove, Presence.objects.touch, '
               'Presence.objects.leave_all, or an INSERT into presence_event.';
END;
END
$$;


--
-- Name: pgtrigger_released_once_c14a0(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_released_once_c14a0() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_hold"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_released_once_c14a0 is a trigger function of the table "presence_hold" only';
    END IF;
-- A hold in force can be released, and nothing else of it can change.
BEGIN
    IF OLD.released_at IS NULL AND NEW.released_at IS NOT NULL
        AND (pg_catalog.to_jsonb(OLD) OPERATOR(pg_catalog.-) '{released_at,released_by}'::pg_catalog.text[])
            OPERATOR(pg_catalog.=)
            (pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) '{released_at,released_by}'::pg_catalog.text[])
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'UPDATE on presence_hold is refused: a hold can only be released, once',
        HINT = 'Place another hold with manage.py presence_retention --hold.';
END;
END
$$;


--
-- Name: pgtrigger_retention_only_6acc1(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_retention_only_6acc1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_baseline_process"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_retention_only_6acc1 is a trigger function of the table "presence_baseline_process" only';
    END IF;
-- Refuses every statement that fires it. Retention disables its triggers in the transaction in which it writes.
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a part of the baseline of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Only manage.py presence_retention writes it, before it removes events.';
END;
END
$$;


--
-- Name: pgtrigger_retention_only_85d7b(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_retention_only_85d7b() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_baseline_room"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_retention_only_85d7b is a trigger function of the table "presence_baseline_room" only';
    END IF;
-- Refuses every statement that fires it. Retention disables its triggers in the transaction in which it writes.
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a part of the baseline of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Only manage.py presence_retention writes it, before it removes events.';
END;
END
$$;


--
-- Name: pgtrigger_retention_only_c7270(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_retention_only_c7270() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_baseline"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_retention_only_c7270 is a trigger function of the table "presence_baseline" only';
    END IF;
-- Refuses every statement that fires it. Retention disables its triggers in the transaction in which it writes.
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a part of the baseline of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Only manage.py presence_retention writes it, before it removes events.';
END;
END
$$;


--
-- Name: pgtrigger_retention_only_d234b(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.pgtrigger_retention_only_d234b() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    IF TG_RELID OPERATOR(pg_catalog.<>) '"presence_baseline_stay"'::pg_catalog.regclass THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = 'pgtrigger_retention_only_d234b is a trigger function of the table "presence_baseline_stay" only';
    END IF;
-- Refuses every statement that fires it. Retention disables its triggers in the transaction in which it writes.
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: the table is a part of the baseline of the presence log', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Only manage.py presence_retention writes it, before it removes events.';
END;
END
$$;


--
-- Name: presence_after_horizon(timestamp with time zone, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_after_horizon(moment timestamp with time zone, horizon timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
    IF moment OPERATOR(pg_catalog.<) horizon THEN
        RAISE EXCEPTION USING
            ERRCODE = '22PH1',
            MESSAGE = pg_catalog.format('%s is before the horizon: earlier events were removed', moment),
            HINT = pg_catalog.format(
                'Answers exist from %s on. The view presence_session has what is left of earlier stays.', horizon
            );
    END IF;
    RETURN true;
END;
$$;


--
-- Name: presence_check(timestamp with time zone, timestamp with time zone, interval); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_check(start timestamp with time zone, stop timestamp with time zone, step interval) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
    IF start IS NULL OR stop IS NULL OR step IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'the times and the step of a presence query must not be NULL';
    END IF;
    IF start
        OPERATOR(pg_catalog.>) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) '1 minute'::pg_catalog.interval)
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datetime_field_overflow',
            MESSAGE = pg_catalog.format('%s is in the future', start),
            HINT = 'Ask for a time that is not later than now.';
    END IF;
    IF start OPERATOR(pg_catalog.>) stop OR step OPERATOR(pg_catalog.<=) '0'::pg_catalog.interval THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = pg_catalog.format('from %s to %s in steps of %s is not a span of time', start, stop, step),
            HINT = 'The start must not be later than the end, and the step must be positive.';
    END IF;
    RETURN true;
END;
$$;


--
-- Name: presence_segment; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_segment (
    name text NOT NULL,
    part text NOT NULL,
    first_day date,
    end_day date,
    state text NOT NULL,
    events bigint,
    first_id bigint,
    last_id bigint,
    first_at timestamp with time zone,
    last_at timestamp with time zone,
    first_since timestamp with time zone,
    CONSTRAINT presence_segment_part_check CHECK ((part = ANY (ARRAY['touches'::text, 'stays'::text]))),
    CONSTRAINT presence_segment_state_check CHECK ((state = ANY (ARRAY['open'::text, 'closed'::text, 'leaving'::text, 'removed'::text])))
);


--
-- Name: presence_horizon(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_horizon(part text) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT max(s.last_at) AS max FROM public.presence_segment s WHERE ((s.part = presence_horizon.part) AND (s.state = ANY (ARRAY['leaving'::text, 'removed'::text]))));


--
-- Name: presence_magnitude(timestamp with time zone, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_magnitude(joined_at timestamp with time zone, left_at timestamp with time zone) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN width_bucket(date_part('epoch'::text, (left_at - joined_at)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]);


--
-- Name: presence_lasts(timestamp with time zone, timestamp with time zone, boolean, timestamp with time zone, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_lasts(joined_at timestamp with time zone, left_at timestamp with time zone, is_open boolean, start timestamp with time zone, stop timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (is_open OR ((left_at >= joined_at) AND (left_at > start) AND ((public.presence_magnitude(joined_at, left_at) = 9) OR ((public.presence_magnitude(joined_at, left_at) = 0) AND (left_at <= (stop + '00:00:08'::interval))) OR ((public.presence_magnitude(joined_at, left_at) = 1) AND (left_at <= (stop + '00:01:04'::interval))) OR ((public.presence_magnitude(joined_at, left_at) = 2) AND (left_at <= (stop + '00:08:32'::interval))) OR ((public.presence_magnitude(joined_at, left_at) = 3) AND (left_at <= (stop + '01:08:16'::interval))) OR ((public.presence_magnitude(joined_at, left_at) = 4) AND (left_at <= (stop + '09:06:08'::interval))) OR ((public.presence_magnitude(joined_at, left_at) = 5) AND (left_at <= (stop + '72:49:04'::interval))) OR ((public.presence_magnitude(joined_at, left_at) = 6) AND (left_at <= (stop + '582:32:32'::interval))) OR ((public.presence_magnitude(joined_at, left_at) = 7) AND (left_at <= (stop + '4660:20:16'::interval))) OR ((public.presence_magnitude(joined_at, left_at) = 8) AND (left_at <= (stop + '37282:42:08'::interval))))));


--
-- Name: presence_event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_event (
    id bigint NOT NULL,
    since timestamp with time zone NOT NULL,
    at timestamp with time zone NOT NULL,
    tx xid8 NOT NULL,
    session bigint,
    last_seen timestamp with time zone,
    user_id uuid,
    day date DEFAULT ((clock_timestamp() AT TIME ZONE 'UTC'::text))::date NOT NULL,
    capacity integer,
    is_leased boolean,
    is_exclusive boolean,
    kind text NOT NULL,
    room text NOT NULL COLLATE pg_catalog."C",
    channel_name text COLLATE pg_catalog."C",
    process text COLLATE pg_catalog."C",
    data jsonb,
    commitment text COLLATE pg_catalog."C",
    CONSTRAINT presence_event_subject CHECK ((((channel_name IS NOT NULL) AND (session IS NOT NULL)) OR ((channel_name IS NULL) AND (kind = 'prune'::text) AND (session IS NULL)) OR ((channel_name IS NULL) AND (kind = ANY (ARRAY['touch'::text, 'prune'::text])) AND (process IS NOT NULL) AND (room = ''::text) AND (session IS NULL))))
)
PARTITION BY LIST (kind);


--
-- Name: presence_session; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.presence_session AS
 SELECT presence_event.session,
    presence_event.room,
    presence_event.channel_name,
    presence_event.user_id,
    presence_event.since AS joined_at,
    presence_event.at AS left_at,
    presence_event.last_seen,
    false AS is_open,
    presence_event.kind AS ended_by,
    presence_event.data AS reason,
    (presence_event.at - presence_event.since) AS duration,
    presence_event.day
   FROM public.presence_event
  WHERE ((presence_event.kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (presence_event.session IS NOT NULL))
UNION ALL
 SELECT stay.id AS session,
    stay.room,
    stay.channel_name,
    stay.user_id,
    stay.joined_at,
    NULL::timestamp with time zone AS left_at,
    GREATEST(stay.touched_at,
        CASE
            WHEN stay.is_leased THEN ( SELECT lease.seen_at
               FROM public.presence_process lease
              WHERE (lease.name = stay.process))
            ELSE NULL::timestamp with time zone
        END) AS last_seen,
    true AS is_open,
    NULL::text AS ended_by,
    NULL::jsonb AS reason,
    (GREATEST(statement_timestamp(), stay.touched_at,
        CASE
            WHEN stay.is_leased THEN ( SELECT lease.seen_at
               FROM public.presence_process lease
              WHERE (lease.name = stay.process))
            ELSE NULL::timestamp with time zone
        END) - stay.joined_at) AS duration,
    NULL::date AS day
   FROM public.presence_open_stay stay;


--
-- Name: presence_at(timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_at(moment timestamp with time zone) RETURNS SETOF public.presence_session
    LANGUAGE sql STABLE ROWS 100 PARALLEL SAFE
    BEGIN ATOMIC
 WITH question AS (
          SELECT (public.presence_check(presence_at.moment, presence_at.moment, '00:00:01'::interval) AND public.presence_after_horizon(presence_at.moment, public.presence_horizon('stays'::text))) AS has_answer
         )
  SELECT s.session,
     s.room,
     s.channel_name,
     s.user_id,
     s.joined_at,
     s.left_at,
     s.last_seen,
     s.is_open,
     s.ended_by,
     s.reason,
     s.duration,
     s.day
    FROM public.presence_session s
   WHERE (( SELECT question.has_answer
            FROM question) AND (s.joined_at <= COALESCE(presence_at.moment, 'infinity'::timestamp with time zone)) AND public.presence_lasts(s.joined_at, s.left_at, s.is_open, presence_at.moment, presence_at.moment));
END;


--
-- Name: presence_attach_segment(text, text, date, date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_attach_segment(name text, part text, first_day date, end_day date) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    schema pg_catalog.text;
    index record;
BEGIN
    SELECT n.nspname INTO STRICT schema
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass;
    EXECUTE pg_catalog.format(
        'CREATE TRIGGER presence_segment_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %1$I.%2$I
            FOR EACH STATEMENT EXECUTE FUNCTION %1$I.presence_segment_guard();
        ALTER TABLE %1$I.%3$I ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%4$s) TO (%5$s)',
        schema,
        name,
        pg_catalog.concat('presence_event_', part),
        coalesce(pg_catalog.quote_literal(first_day), 'MINVALUE'),
        coalesce(pg_catalog.quote_literal(end_day), 'MAXVALUE')
    );
    -- Plans show the names of indexes. These are the names of the log's indexes, with that of the segment in front.
    FOR index IN
        SELECT
            indexrelid::pg_catalog.regclass AS own,
            pg_catalog.concat(name, pg_catalog.substr(root.relname, pg_catalog.length('presence_event') + 1)) AS name
        FROM pg_catalog.pg_index
        JOIN pg_catalog.pg_class AS root
            ON root.oid OPERATOR(pg_catalog.=) pg_catalog.pg_partition_root(indexrelid)::pg_catalog.oid
        WHERE indrelid OPERATOR(pg_catalog.=) pg_catalog.format('%I.%I', schema, name)::pg_catalog.regclass
            AND NOT indisprimary
    LOOP
        EXECUTE pg_catalog.format('ALTER INDEX %s RENAME TO %I', index.own, index.name);
    END LOOP;
END;
$_$;


--
-- Name: presence_during(timestamp with time zone, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_during(start timestamp with time zone, stop timestamp with time zone) RETURNS SETOF public.presence_session
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 WITH question AS (
          SELECT (public.presence_check(presence_during.start, presence_during.stop, '00:00:01'::interval) AND public.presence_after_horizon(presence_during.start, public.presence_horizon('stays'::text))) AS has_answer
         )
  SELECT s.session,
     s.room,
     s.channel_name,
     s.user_id,
     s.joined_at,
     s.left_at,
     s.last_seen,
     s.is_open,
     s.ended_by,
     s.reason,
     s.duration,
     s.day
    FROM public.presence_session s
   WHERE (( SELECT question.has_answer
            FROM question) AND (s.joined_at < COALESCE(presence_during.stop, 'infinity'::timestamp with time zone)) AND public.presence_lasts(s.joined_at, s.left_at, s.is_open, presence_during.start, presence_during.stop));
END;


--
-- Name: presence_attendee; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.presence_attendee AS
 SELECT user_id,
    NULL::timestamp with time zone AS first_in,
    NULL::timestamp with time zone AS last_out,
    NULL::timestamp with time zone AS last_seen,
    NULL::interval AS certain,
    NULL::interval AS possible,
    NULL::bigint AS stays,
    NULL::interval AS longest_absence,
    NULL::interval AS late,
    NULL::interval AS left_early,
    NULL::double precision AS percent_certain,
    NULL::double precision AS percent_possible
   FROM public.presence_session
  WHERE false;


--
-- Name: presence_attendance(text, timestamp with time zone, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_attendance(room text, start timestamp with time zone, stop timestamp with time zone) RETURNS SETOF public.presence_attendee
    LANGUAGE sql STABLE ROWS 100 PARALLEL SAFE
    BEGIN ATOMIC
 WITH span AS MATERIALIZED (
          SELECT presence_attendance.start AS start,
             LEAST(presence_attendance.stop, statement_timestamp()) AS until
           WHERE (public.presence_check(presence_attendance.start, presence_attendance.stop,
                 CASE
                     WHEN (isfinite(presence_attendance.start) AND (presence_attendance.start <> presence_attendance.stop)) THEN '00:00:01'::interval
                     ELSE '00:00:00'::interval
                 END) AND public.presence_after_horizon(presence_attendance.start, public.presence_horizon('stays'::text)))
         ), found AS (
          SELECT s.session,
             s.room,
             s.channel_name,
             s.user_id,
             s.joined_at,
             s.left_at,
             s.last_seen,
             s.is_open,
             s.ended_by,
             s.reason,
             s.duration,
             s.day
            FROM public.presence_during(presence_attendance.start, presence_attendance.stop) s(session, room, channel_name, user_id, joined_at, left_at, last_seen, is_open, ended_by, reason, duration, day)
           WHERE (s.room = presence_attendance.room)
         ), stays AS (
          SELECT s.user_id,
             GREATEST(s.joined_at, l.start) AS began,
             LEAST(s.left_at, l.until) AS ended,
             LEAST(
                 CASE
                     WHEN ((s.ended_by = 'leave'::text) AND (COALESCE(s.reason, 'null'::jsonb) = ANY (ARRAY['null'::jsonb, jsonb_build_object('presence.hidden', true)]))) THEN s.left_at
                     ELSE s.last_seen
                 END, s.left_at, l.until) AS seen
            FROM span l,
             found s
           WHERE (( SELECT (span.start < span.until)
                    FROM span) AND (s.joined_at < l.until))
         ), people AS (
          SELECT s.user_id,
             count(*) AS stays,
             min(s.began) AS first_in,
             max(s.ended) AS last_out,
             max(s.seen) FILTER (WHERE (s.seen >= s.began)) AS last_seen,
             range_agg(tstzrange(s.began, GREATEST(s.began, s.seen))) AS certain,
             range_agg(tstzrange(s.began, s.ended)) AS possible
            FROM stays s
           GROUP BY s.user_id
         ), figures AS (
          SELECT p.user_id,
             p.first_in,
                 CASE
                     WHEN (p.last_out < l.until) THEN p.last_out
                     ELSE NULL::timestamp with time zone
                 END AS last_out,
             p.last_seen,
             length.certain,
             length.possible,
             p.stays,
             length.absence,
                 CASE
                     WHEN (p.first_in > l.start) THEN (p.first_in - l.start)
                     ELSE NULL::interval
                 END AS late,
                 CASE
                     WHEN (p.last_out < l.until) THEN (l.until - p.last_out)
                     ELSE NULL::interval
                 END AS left_early,
             (((100)::double precision * date_part('epoch'::text, length.certain)) / date_part('epoch'::text, (l.until - l.start))) AS percent_certain,
             (((100)::double precision * date_part('epoch'::text, length.possible)) / date_part('epoch'::text, (l.until - l.start))) AS percent_possible
            FROM span l,
             people p,
             LATERAL ( SELECT ( SELECT COALESCE(sum((upper(r.r) - lower(r.r))), '00:00:00'::interval) AS "coalesce"
                            FROM unnest(p.certain) r(r)) AS "coalesce",
                     ( SELECT COALESCE(sum((upper(r.r) - lower(r.r))), '00:00:00'::interval) AS "coalesce"
                            FROM unnest(p.possible) r(r)) AS "coalesce",
                     ( SELECT COALESCE(max((upper(r.r) - lower(r.r))), '00:00:00'::interval) AS "coalesce"
                            FROM unnest((tstzmultirange(tstzrange(p.first_in, p.last_out)) - p.possible)) r(r)) AS "coalesce") length(certain, possible, absence)
         )
  SELECT figures.user_id,
     figures.first_in,
     figures.last_out,
     figures.last_seen,
     figures.certain,
     figures.possible,
     figures.stays,
     figures.absence,
     figures.late,
     figures.left_early,
     figures.percent_certain,
     figures.percent_possible
    FROM figures;
END;


--
-- Name: presence_begin_erasure(text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_begin_erasure(person text, pseudonym text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
#variable_conflict use_column
DECLARE
    known pg_catalog.text;
    is_used pg_catalog.bool;
BEGIN
    PERFORM
    -- Waits for a seal or an erasure in another transaction, and keeps others waiting until the end of this transaction.
    pg_catalog.pg_advisory_xact_lock(
        (1886545522::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32)
        OPERATOR(pg_catalog.+) 'presence_seal_key'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int8
    )
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
$_$;


--
-- Name: presence_commitment(bytea, bigint, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_commitment(key bytea, id bigint, user_id text, data text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT encode(sha256((sha256((((((int8send((part.k1 # '6655295901103053916'::bigint)) || int8send((part.k2 # '6655295901103053916'::bigint))) || int8send((part.k3 # '6655295901103053916'::bigint))) || int8send((part.k4 # '6655295901103053916'::bigint))) || decode(repeat('5c'::text, 32), 'hex'::text)) || sha256((((((int8send((part.k1 # '3906369333256140342'::bigint)) || int8send((part.k2 # '3906369333256140342'::bigint))) || int8send((part.k3 # '3906369333256140342'::bigint))) || int8send((part.k4 # '3906369333256140342'::bigint))) || decode(repeat('36'::text, 32), 'hex'::text)) || convert_to((presence_commitment.id)::text, 'UTF8'::name))))) || convert_to(((COALESCE(replace(replace(replace(replace(replace(replace(replace(presence_commitment.user_id, '\'::text, '\\'::text), ''::text, '\b'::text), ''::text, '\f'::text), '
'::text, '\n'::text), '
'::text, '\r'::text), '	'::text, '\t'::text), ''::text, '\v'::text), '\N'::text) || '	'::text) || COALESCE(replace(presence_commitment.data, '\'::text, '\\'::text), '\N'::text)), 'UTF8'::name))), 'hex'::text) AS encode FROM (VALUES (((('x'::text || encode(substr(presence_commitment.key, 1, 8), 'hex'::text)))::bit(64))::bigint,((('x'::text || encode(substr(presence_commitment.key, 9, 8), 'hex'::text)))::bit(64))::bigint,((('x'::text || encode(substr(presence_commitment.key, 17, 8), 'hex'::text)))::bit(64))::bigint,((('x'::text || encode(substr(presence_commitment.key, 25, 8), 'hex'::text)))::bit(64))::bigint)) part(k1, k2, k3, k4));


--
-- Name: presence_create_segment(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_create_segment(name text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    schema pg_catalog.text;
    other pg_catalog.text;
BEGIN
    SELECT n.nspname INTO STRICT schema
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass;
    EXECUTE pg_catalog.format(
        'CREATE TABLE %1$I.%2$I (LIKE %1$I.presence_event INCLUDING ALL);
        ALTER TABLE %1$I.%2$I ADD PRIMARY KEY (id)',
        schema,
        name
    );
    -- ALTER DEFAULT PRIVILEGES may have granted rights to roles.
    FOR other IN
        SELECT DISTINCT
            CASE
                WHEN grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC'
                ELSE grantee::pg_catalog.regrole::pg_catalog.text
            END
        FROM pg_catalog.pg_class CROSS JOIN pg_catalog.aclexplode(relacl)
        WHERE oid OPERATOR(pg_catalog.=) pg_catalog.format('%I.%I', schema, name)::pg_catalog.regclass
            AND grantee OPERATOR(pg_catalog.<>) relowner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON %I.%I FROM %s', schema, name, other);
    END LOOP;
END;
$_$;


--
-- Name: presence_divide_segment(text, date[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_divide_segment(part text, days date[]) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    last presence_segment;
BEGIN
    SELECT s.* INTO STRICT last
    FROM presence_segment AS s
    WHERE s.part OPERATOR(pg_catalog.=) presence_divide_segment.part
        AND s.end_day IS NULL AND s.state OPERATOR(pg_catalog.=) 'open'
    FOR UPDATE;
    EXECUTE pg_catalog.format(
        'ALTER TABLE %1$s DETACH PARTITION %2$s;
        ALTER TABLE %1$s ATTACH PARTITION %2$s FOR VALUES FROM (%3$s) TO (%4$L)',
        pg_catalog.concat('presence_event_', part)::pg_catalog.regclass,
        pg_catalog.quote_ident(last.name)::pg_catalog.regclass,
        coalesce(pg_catalog.quote_literal(last.first_day), 'MINVALUE'),
        days[1]
    );
    EXECUTE pg_catalog.format(
        'ALTER TABLE %s DROP CONSTRAINT IF EXISTS presence_ends', pg_catalog.quote_ident(last.name)::pg_catalog.regclass
    );
    UPDATE presence_segment AS s SET end_day = days[1] WHERE s.name OPERATOR(pg_catalog.=) last.name;
    FOR number IN 1 .. pg_catalog.cardinality(days) LOOP
        PERFORM presence_make_segment(part, days[number], days[number OPERATOR(pg_catalog.+) 1]);
    END LOOP;
END;
$_$;


--
-- Name: presence_end_erasure(text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_end_erasure(person text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    is_left pg_catalog.bool;
BEGIN
    PERFORM
    -- Waits for a seal or an erasure in another transaction, and keeps others waiting until the end of this transaction.
    pg_catalog.pg_advisory_xact_lock(
        (1886545522::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32)
        OPERATOR(pg_catalog.+) 'presence_seal_key'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int8
    )
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
$$;


--
-- Name: presence_erase_events(text, text, bigint, bigint[], bigint[], text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_erase_events(segment text, person text, up_to bigint, excluded bigint[], mentions bigint[], operator text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
    -- Waits for a seal or an erasure in another transaction, and keeps others waiting until the end of this transaction.
    pg_catalog.pg_advisory_xact_lock(
        (1886545522::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32)
        OPERATOR(pg_catalog.+) 'presence_seal_key'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int8
    )
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
            -- The key of a subject: 32 random bytes.
            pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
            OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
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
$_$;


--
-- Name: presence_erase_projections(text, bigint[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_erase_projections(person text, excluded bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
    -- Errors may contain anything.
    UPDATE presence_dead_letter AS letter
    SET error = ''
    WHERE letter.error OPERATOR(pg_catalog.<>) ''
        AND EXISTS (
            SELECT FROM presence_event AS e
            WHERE e.id OPERATOR(pg_catalog.>=) letter.first AND e.id OPERATOR(pg_catalog.<=) letter.last
                AND e.commitment IS NOT NULL
        );
END;
$_$;


--
-- Name: presence_forget_pseudonyms(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_forget_pseudonyms() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    DELETE FROM presence_pseudonym_key
    WHERE day OPERATOR(pg_catalog.<)
        pg_catalog.timezone('UTC', pg_catalog.clock_timestamp())::pg_catalog.date;
END
$$;


--
-- Name: presence_forget_stays(timestamp with time zone, integer, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_forget_stays(ended_before timestamp with time zone, at_most integer, operator text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
#variable_conflict use_column
DECLARE
    sessions pg_catalog.int8[];
    segment pg_catalog.text;
BEGIN
    PERFORM
    -- Waits for a seal or an erasure in another transaction, and keeps others waiting until the end of this transaction.
    pg_catalog.pg_advisory_xact_lock(
        (1886545522::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32)
        OPERATOR(pg_catalog.+) 'presence_seal_key'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int8
    )
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
            -- The event is of a stay without history, and has a user or data. The index presence_event_remembered has these.
            AND session OPERATOR(pg_catalog.<) 0 AND commitment IS NULL AND (user_id IS NOT NULL OR data IS NOT NULL)
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
            -- The key of a subject: 32 random bytes.
            pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
            OPERATOR(pg_catalog.||) pg_catalog.uuid_send(pg_catalog.gen_random_uuid())
    FROM unnest(sessions) AS session
    ON CONFLICT (subject) DO NOTHING;
    FOR segment IN
        INSERT INTO presence_erasure (at, tx, operator, segment, events)
        SELECT pg_catalog.transaction_timestamp(), pg_catalog.pg_current_xact_id(), operator, c.relname, count(*)
        FROM presence_event AS event
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) event.tableoid
        WHERE session OPERATOR(pg_catalog.=) ANY (sessions)
            -- The event is of a stay without history, and has a user or data. The index presence_event_remembered has these.
            AND session OPERATOR(pg_catalog.<) 0 AND commitment IS NULL AND (user_id IS NOT NULL OR data IS NOT NULL)
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
            -- The event is of a stay without history, and has a user or data. The index presence_event_remembered has these.
            AND session OPERATOR(pg_catalog.<) 0 AND commitment IS NULL AND (user_id IS NOT NULL OR data IS NOT NULL)
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
    -- Errors may contain anything.
    UPDATE presence_dead_letter AS letter
    SET error = ''
    WHERE letter.error OPERATOR(pg_catalog.<>) ''
        AND EXISTS (
            SELECT FROM presence_event AS e
            WHERE e.id OPERATOR(pg_catalog.>=) letter.first AND e.id OPERATOR(pg_catalog.<=) letter.last
                AND e.commitment IS NOT NULL
        );
    END IF;
    -- Also keys of stays that were erased together with their person.
    DELETE FROM presence_seal_key AS k
    WHERE k.subject OPERATOR(pg_catalog.>=) 'session:-' AND k.subject OPERATOR(pg_catalog.<) 'session:.'
        AND NOT EXISTS (
            SELECT FROM presence_event
            WHERE session OPERATOR(pg_catalog.=) pg_catalog.substr(k.subject, 9)::pg_catalog.int8
            -- The event is of a stay without history, and has a user or data. The index presence_event_remembered has these.
            AND session OPERATOR(pg_catalog.<) 0 AND commitment IS NULL AND (user_id IS NOT NULL OR data IS NOT NULL)
        );
    RETURN pg_catalog.cardinality(sessions);
END;
$_$;


--
-- Name: presence_is_referenced(regclass, name, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_is_referenced(relation regclass, key_column name, key text) RETURNS boolean
    LANGUAGE plpgsql COST 10000
    AS $_$
DECLARE
    foreign_key record;
    source text;
    may_have_foreign_code boolean;
    is_found boolean;
BEGIN
    -- The triggers of a constraint have an index on their table. Constraints have none on the referenced table.
    FOR foreign_key IN
        SELECT
            c.conrelid,
            c.conkey,
            pg_catalog.string_agg(
                pg_catalog.concat(
                    pg_catalog.format('f.%I OPERATOR(pg_catalog.=) t.%I', own.attname, other.attname),
                    (
                        SELECT pg_catalog.format(' COLLATE %I.%I', n.nspname, l.collname)
                        FROM pg_catalog.pg_collation AS l
                        JOIN pg_catalog.pg_namespace AS n ON n.oid = l.collnamespace
                        WHERE l.oid = other.attcollation
                    )
                ),
                ' AND '
            ) AS condition
        FROM (
            SELECT DISTINCT t.tgconstraint
            FROM pg_catalog.pg_trigger AS t
            WHERE t.tgrelid = relation::oid AND t.tgconstraint <> 0::oid
        ) AS found
        JOIN pg_catalog.pg_constraint AS c ON c.oid = found.tgconstraint
        CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(c.conkey), pg_catalog.unnest(c.confkey)) AS pair (own, other)
        JOIN pg_catalog.pg_attribute AS own ON own.attrelid = c.conrelid AND own.attnum = pair.own
        JOIN pg_catalog.pg_attribute AS other ON other.attrelid = c.confrelid AND other.attnum = pair.other
        WHERE c.contype = 'f'::"char"
            AND c.confrelid = relation::oid
            AND c.conparentid = 0::oid
            AND c.confdeltype = ANY ('{a,r}'::"char"[])
        GROUP BY c.oid, c.conrelid, c.conkey
    LOOP
        SELECT
            pg_catalog.concat(CASE WHEN c.relkind = 'r'::"char" THEN 'ONLY ' END, c.oid::regclass),
            c.relkind = 'p'::"char" OR NOT pg_catalog.pg_has_role(c.relowner, current_user, 'USAGE')
        INTO source, may_have_foreign_code
        FROM pg_catalog.pg_class AS c
        WHERE c.oid = foreign_key.conrelid
            AND pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')
            AND pg_catalog.has_table_privilege(c.oid, 'SELECT');
        IF source IS NULL THEN
            RETURN true;
        END IF;
        -- Policies cannot change while the table is locked.
        EXECUTE pg_catalog.format('LOCK TABLE %s IN ACCESS SHARE MODE', source);
        IF pg_catalog.row_security_active(foreign_key.conrelid) THEN
            RETURN true;
        END IF;
        -- Built-in objects have no entries in pg_depend. Partitions can have owners of their own.
        IF may_have_foreign_code AND EXISTS (
            SELECT
            FROM pg_catalog.pg_class AS c
            CROSS JOIN LATERAL (
                SELECT 'pg_catalog.pg_class'::regclass::oid AS classid, c.oid AS objid
                UNION ALL SELECT 'pg_catalog.pg_class'::regclass::oid, i.indexrelid
                FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid
                UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass::oid, o.oid
                FROM pg_catalog.pg_constraint AS o WHERE o.conrelid = c.oid
                UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::regclass::oid, s.oid
                FROM pg_catalog.pg_statistic_ext AS s WHERE s.stxrelid = c.oid
            ) AS part
            JOIN pg_catalog.pg_depend AS d ON d.classid = part.classid AND d.objid = part.objid
            WHERE (
                    c.oid = foreign_key.conrelid
                    OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(foreign_key.conrelid) AS p)
                )
                AND NOT pg_catalog.pg_has_role(c.relowner, current_user, 'USAGE')
                AND NOT pg_catalog.pg_has_role(
                    c.relowner, (SELECT r.relowner FROM pg_catalog.pg_class AS r WHERE r.oid = relation::oid), 'USAGE'
                )
                AND (
                    d.refclassid = ANY (
                        '{pg_catalog.pg_proc,pg_catalog.pg_operator,pg_catalog.pg_opclass}'::regclass[]::oid[]
                    )
                    OR d.refclassid = 'pg_catalog.pg_type'::regclass::oid
                        AND part.objid = foreign_key.conrelid
                        AND d.objsubid = ANY (foreign_key.conkey)
                )
        ) THEN
            RETURN true;
        END IF;
        EXECUTE pg_catalog.format(
            'SELECT EXISTS (SELECT FROM %s AS f JOIN %s AS t ON %s WHERE t.%I OPERATOR(pg_catalog.=) $1::%s)',
            source,
            relation,
            foreign_key.condition,
            key_column,
            (
                SELECT pg_catalog.format_type(a.atttypid, a.atttypmod)
                FROM pg_catalog.pg_attribute AS a
                WHERE a.attrelid = relation::oid AND a.attname = key_column
            )
        )
        INTO is_found
        USING key;
        IF is_found THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END;
$_$;


--
-- Name: presence_make_segment(text, date, date); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_make_segment(part text, first_day date, end_day date) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
    name pg_catalog.text := pg_catalog.concat(
        'presence_event_', part, '_', coalesce(pg_catalog.to_char(first_day, 'YYYY_MM_DD'), 'first')
    );
BEGIN
    PERFORM presence_create_segment(name);
    PERFORM presence_attach_segment(name, part, first_day, end_day);
    INSERT INTO presence_segment (name, part, first_day, end_day, state) VALUES (name, part, first_day, end_day, 'open');
    RETURN name;
END;
$$;


--
-- Name: presence_occupancy(text, timestamp with time zone, timestamp with time zone, interval); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_occupancy(room text, start timestamp with time zone, stop timestamp with time zone, step interval) RETURNS TABLE(bucket timestamp with time zone, connections bigint, peak_connections bigint, average_connections double precision, users bigint, peak_users bigint, average_users double precision)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 WITH RECURSIVE limits AS MATERIALIZED (
          SELECT LEAST(presence_occupancy.stop, clock_timestamp()) AS stop
           WHERE (public.presence_check(presence_occupancy.start, presence_occupancy.stop,
                 CASE
                     WHEN isfinite(presence_occupancy.start) THEN presence_occupancy.step
                     ELSE '00:00:00'::interval
                 END) AND public.presence_after_horizon(presence_occupancy.start, public.presence_horizon('stays'::text)))
         ), steps(number, start) AS (
          SELECT 1 AS "?column?",
             presence_occupancy.start AS start
            FROM limits l_1
           WHERE (presence_occupancy.start < l_1.stop)
         UNION ALL
          SELECT (s.number + 1),
             (presence_occupancy.start + ((s.number)::double precision * presence_occupancy.step))
            FROM steps s,
             limits l_1
           WHERE ((presence_occupancy.start + ((s.number)::double precision * presence_occupancy.step)) < l_1.stop)
         ), marks AS MATERIALIZED (
          SELECT array_agg(s.start ORDER BY s.start) AS list
            FROM steps s
         ), stays AS (
          SELECT s.user_id,
             part.began,
             part.ended,
             lag(part.ended) OVER (PARTITION BY s.channel_name ORDER BY part.began) AS ended_before
            FROM limits l_1,
             public.presence_during(presence_occupancy.start, presence_occupancy.stop) s(session, room, channel_name, user_id, joined_at, left_at, last_seen, is_open, ended_by, reason, duration, day),
             LATERAL ( SELECT GREATEST(s.joined_at, presence_occupancy.start) AS "greatest",
                     LEAST(s.left_at, l_1.stop) AS "least") part(began, ended)
           WHERE ((s.room = presence_occupancy.room) AND (part.began < part.ended))
         ), visits AS MATERIALIZED (
          SELECT s.began,
             s.ended,
             s.ended_before,
             (s.user_id IS NOT NULL) AS is_user,
             max(s.ended) OVER w AS away_since,
             lead(s.began) OVER w AS back_at
            FROM stays s
           WINDOW w AS (PARTITION BY s.user_id ORDER BY s.began ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
         ), changes(at, change, connections, users, number, number_before, user_number_before) AS (
          SELECT v.began,
             1 AS "?column?",
             1 AS "?column?",
             ((v.is_user AND ((v.away_since < v.began) IS NOT FALSE)))::integer AS int4,
             width_bucket(v.began, m.list) AS width_bucket,
             width_bucket((v.ended_before - '00:00:00.000001'::interval), m.list) AS width_bucket,
             width_bucket((v.away_since - '00:00:00.000001'::interval), m.list) AS width_bucket
            FROM visits v,
             marks m
         UNION ALL
          SELECT v.ended,
             '-1'::integer,
             '-1'::integer,
             (- ((v.is_user AND ((v.away_since > v.ended) IS NOT TRUE) AND ((v.back_at > v.ended) IS NOT FALSE)))::integer),
             width_bucket(v.ended, m.list) AS width_bucket,
             NULL::integer,
             NULL::integer
            FROM visits v,
             marks m
         UNION ALL
          SELECT v.away_since,
             '-1'::integer,
             0,
             '-1'::integer,
             width_bucket(v.away_since, m.list) AS width_bucket,
             NULL::integer,
             NULL::integer
            FROM visits v,
             marks m
           WHERE (v.is_user AND (v.away_since > v.ended) AND ((v.back_at > v.away_since) IS NOT FALSE))
         UNION ALL
          SELECT s.start,
             0,
             0,
             0,
             width_bucket(s.start, m.list) AS width_bucket,
             NULL::integer,
             NULL::integer
            FROM steps s,
             marks m
         UNION ALL
          SELECT l_1.stop,
             0,
             0,
             0,
             NULL::integer,
             NULL::integer,
             NULL::integer
            FROM limits l_1
         ), levels AS (
          SELECT c.number,
             c.at,
             c.change,
             sum(c.connections) OVER w AS connections,
             sum(c.users) OVER w AS users,
             (((1000000)::double precision * date_part('epoch'::text, (lead(c.at) OVER w - c.at))))::bigint AS lasts,
             (((c.connections > 0) AND ((c.number_before >= c.number) IS NOT TRUE)))::integer AS new_connections,
             (((c.users > 0) AND ((c.user_number_before >= c.number) IS NOT TRUE)))::integer AS new_users
            FROM changes c
           WINDOW w AS (ORDER BY c.at, c.change ROWS UNBOUNDED PRECEDING)
         )
  SELECT min(l.at) AS min,
     (max(l.connections) FILTER (WHERE (l.change = 0)) + sum(l.new_connections)),
     max(l.connections) FILTER (WHERE (l.lasts > 0)) AS max,
     ((sum((l.connections * l.lasts)) / sum(l.lasts)))::double precision AS float8,
     (max(l.users) FILTER (WHERE (l.change = 0)) + sum(l.new_users)),
     max(l.users) FILTER (WHERE (l.lasts > 0)) AS max,
     ((sum((l.users * l.lasts)) / sum(l.lasts)))::double precision AS float8
    FROM levels l
   WHERE (l.lasts IS NOT NULL)
   GROUP BY l.number
   ORDER BY l.number;
END;


--
-- Name: presence_pseudonym(anyelement); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_pseudonym(key anyelement) RETURNS anyelement
    LANGUAGE plpgsql STRICT SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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
$$;


--
-- Name: presence_record(text[], text[], text[], anyarray, jsonb[], boolean[], text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_record(kinds text[], rooms text[], channel_names text[], user_ids anyarray, datas jsonb[], are_leased boolean[], claimed_for text, lock_timeout text) RETURNS TABLE(id bigint, kind text, room text, channel_name text, user_id anyelement, session bigint, since bigint, last_seen bigint, data jsonb, process text, is_leased boolean, capacity integer, is_exclusive boolean, at bigint, tx xid8, day date)
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
BEGIN
    IF lock_timeout IS NOT NULL THEN
        PERFORM pg_catalog.set_config('lock_timeout', lock_timeout, true);
    END IF;
    RETURN QUERY
    WITH change AS (
        SELECT *, NULL::pg_catalog.int8 AS session
        FROM unnest(kinds, rooms, channel_names, user_ids, datas, are_leased)
            AS c (kind, room, channel_name, user_id, data, is_leased)
    )
    INSERT INTO presence_event (kind, room, channel_name, user_id, data, session, process, is_leased)
    SELECT
        kind, room, channel_name, user_id, data, session,
        CASE WHEN kind = 'join' OR is_leased THEN claimed_for END,
        is_leased
    FROM (
-- If a connection is present as another user, or is hidden and will no longer be, or the other way round, a leave of that
-- stay comes before its join. A join with the session 0 is that of a stay without history.
SELECT 'leave', p.room, p.channel_name, p.user_id,
    jsonb_build_object('reason', CASE
        WHEN p.user_id IS DISTINCT FROM c.user_id THEN 'joined again as another user'
        WHEN c.data -> 'presence.hidden' = 'true' THEN 'joined again to be hidden'
        ELSE 'joined again to be shown'
    END),
    p.id, 0, NULL::boolean
FROM change AS c
JOIN presence_open_stay AS p ON p.room = c.room AND p.channel_name = c.channel_name
WHERE c.kind = 'join'
    AND (
        p.user_id IS DISTINCT FROM c.user_id
        OR ((p.data -> 'presence.hidden' = 'true') IS TRUE) <> ((c.data -> 'presence.hidden' = 'true') IS TRUE)
    )
UNION ALL
SELECT c.kind, c.room, c.channel_name, c.user_id, c.data, c.session, 1, c.is_leased
FROM change AS c
WHERE c.room IS NOT NULL
UNION ALL
SELECT c.kind, p.room, p.channel_name, NULL, c.data, CASE WHEN c.kind = 'leave' THEN p.id END, 1, NULL
FROM change AS c
JOIN presence_open_stay AS p ON p.channel_name = c.channel_name
WHERE c.room IS NULL
    ) AS draft (kind, room, channel_name, user_id, data, session, step, is_leased)
    ORDER BY room COLLATE "C", channel_name COLLATE "C" NULLS FIRST, step
    RETURNING
        id, kind, room, channel_name, coalesce(user_ids[0], user_id), session, (extract(epoch FROM since) * 1000000)::bigint,
        (extract(epoch FROM last_seen) * 1000000)::bigint, data, process, is_leased, capacity, is_exclusive,
        (extract(epoch FROM at) * 1000000)::bigint, tx, day;
END;
$$;


--
-- Name: presence_record_erasure(text, bigint, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_record_erasure(file text, events bigint, operator text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
BEGIN
    PERFORM
    -- Waits for a seal or an erasure in another transaction, and keeps others waiting until the end of this transaction.
    pg_catalog.pg_advisory_xact_lock(
        (1886545522::pg_catalog.int8 OPERATOR(pg_catalog.<<) 32)
        OPERATOR(pg_catalog.+) 'presence_seal_key'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int8
    )
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
$_$;


--
-- Name: presence_segment_guard(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_segment_guard() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    is_recorded pg_catalog.bool;
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL THEN
        EXECUTE pg_catalog.format(
            'SELECT EXISTS (
                SELECT FROM %I.presence_erasure
                WHERE tx OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id()
                    AND at OPERATOR(pg_catalog.=) pg_catalog.transaction_timestamp()
                    AND segment OPERATOR(pg_catalog.=) %L
            )',
            TG_TABLE_SCHEMA, TG_TABLE_NAME
        ) INTO is_recorded;
        IF is_recorded THEN
            RETURN NULL;
        END IF;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: it is a part of the presence log, which is append-only', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Append to presence_event. To remove old events, see Retention in the documentation.';
END;
$$;


--
-- Name: presence_subject(text, bigint, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.presence_subject(user_id text, session bigint, id bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (session < 0) THEN ('session:'::text || (session)::text) WHEN (user_id IS NOT NULL) THEN ('user:'::text || user_id) WHEN (session IS NOT NULL) THEN ('session:'::text || (session)::text) ELSE ('event:'::text || (id)::text) END;


--
-- Name: presence; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.presence AS
 SELECT stay.id,
    stay.room,
    stay.channel_name,
    stay.user_id,
    stay.joined_at,
    GREATEST(stay.touched_at, lease.seen_at) AS last_seen,
    stay.data,
    stay.process,
    stay.is_leased,
    (stay.exclusive_room IS NOT NULL) AS is_exclusive
   FROM (public.presence_open_stay stay
     LEFT JOIN public.presence_process lease ON ((stay.is_leased AND (lease.name = stay.process))));


--
-- Name: presence_anchor; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_anchor (
    name text NOT NULL,
    last_seal bigint NOT NULL,
    failure text NOT NULL,
    failing_since timestamp with time zone
);


--
-- Name: presence_attendance_report; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_attendance_report (
    schedule_id bigint NOT NULL,
    room text NOT NULL COLLATE pg_catalog."C",
    title text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    made_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    "position" bigint NOT NULL,
    complete_from timestamp with time zone,
    rows jsonb NOT NULL
);


--
-- Name: presence_baseline; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_baseline (
    id smallint NOT NULL,
    "position" bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT presence_baseline_one_row CHECK ((id = 1))
);


--
-- Name: presence_baseline_process; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_baseline_process (
    name text NOT NULL COLLATE pg_catalog."C",
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
);


--
-- Name: presence_baseline_room; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_baseline_room (
    channel_name text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL
);


--
-- Name: presence_baseline_stay; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_baseline_stay (
    id bigint NOT NULL,
    room text NOT NULL COLLATE pg_catalog."C",
    channel_name text NOT NULL COLLATE pg_catalog."C",
    user_id uuid,
    joined_at timestamp with time zone NOT NULL,
    touched_at timestamp with time zone NOT NULL,
    data jsonb,
    process text COLLATE pg_catalog."C",
    is_leased boolean NOT NULL,
    exclusive_room text COLLATE pg_catalog."C"
);


--
-- Name: presence_checkpoint; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_checkpoint (
    name text NOT NULL,
    mark jsonb NOT NULL,
    cluster bigint NOT NULL,
    moved_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL
);


--
-- Name: presence_dead_letter; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_dead_letter (
    id bigint NOT NULL,
    worker text NOT NULL,
    receiver text NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    tries integer NOT NULL,
    error text NOT NULL,
    at timestamp with time zone DEFAULT statement_timestamp() NOT NULL
);


--
-- Name: presence_dead_letter_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.presence_dead_letter ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.presence_dead_letter_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: presence_erasing; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_erasing (
    person text NOT NULL COLLATE pg_catalog."C",
    pseudonym text NOT NULL COLLATE pg_catalog."C",
    begun_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL
);


--
-- Name: presence_erasure; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_erasure (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    tx xid8 NOT NULL,
    by text DEFAULT SESSION_USER NOT NULL,
    operator text NOT NULL,
    segment text NOT NULL,
    events bigint NOT NULL
);


--
-- Name: presence_erasure_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.presence_erasure ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.presence_erasure_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: presence_event_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.presence_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: presence_event_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.presence_event_id_seq OWNED BY public.presence_event.id;


--
-- Name: presence_event_stays; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_event_stays (
    id bigint CONSTRAINT presence_event_id_not_null NOT NULL,
    since timestamp with time zone CONSTRAINT presence_event_since_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT presence_event_at_not_null NOT NULL,
    tx xid8 CONSTRAINT presence_event_tx_not_null NOT NULL,
    session bigint,
    last_seen timestamp with time zone,
    user_id uuid,
    day date DEFAULT ((clock_timestamp() AT TIME ZONE 'UTC'::text))::date CONSTRAINT presence_event_day_not_null NOT NULL,
    capacity integer,
    is_leased boolean,
    is_exclusive boolean,
    kind text CONSTRAINT presence_event_kind_not_null NOT NULL,
    room text CONSTRAINT presence_event_room_not_null NOT NULL COLLATE pg_catalog."C",
    channel_name text COLLATE pg_catalog."C",
    process text COLLATE pg_catalog."C",
    data jsonb,
    commitment text COLLATE pg_catalog."C",
    CONSTRAINT presence_event_subject CHECK ((((channel_name IS NOT NULL) AND (session IS NOT NULL)) OR ((channel_name IS NULL) AND (kind = 'prune'::text) AND (session IS NULL)) OR ((channel_name IS NULL) AND (kind = ANY (ARRAY['touch'::text, 'prune'::text])) AND (process IS NOT NULL) AND (room = ''::text) AND (session IS NULL))))
)
PARTITION BY RANGE (day);


--
-- Name: presence_event_stays_first; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_event_stays_first (
    id bigint CONSTRAINT presence_event_id_not_null NOT NULL,
    since timestamp with time zone CONSTRAINT presence_event_since_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT presence_event_at_not_null NOT NULL,
    tx xid8 CONSTRAINT presence_event_tx_not_null NOT NULL,
    session bigint,
    last_seen timestamp with time zone,
    user_id uuid,
    day date DEFAULT ((clock_timestamp() AT TIME ZONE 'UTC'::text))::date CONSTRAINT presence_event_day_not_null NOT NULL,
    capacity integer,
    is_leased boolean,
    is_exclusive boolean,
    kind text CONSTRAINT presence_event_kind_not_null NOT NULL,
    room text CONSTRAINT presence_event_room_not_null NOT NULL COLLATE pg_catalog."C",
    channel_name text COLLATE pg_catalog."C",
    process text COLLATE pg_catalog."C",
    data jsonb,
    commitment text COLLATE pg_catalog."C",
    CONSTRAINT presence_event_subject CHECK ((((channel_name IS NOT NULL) AND (session IS NOT NULL)) OR ((channel_name IS NULL) AND (kind = 'prune'::text) AND (session IS NULL)) OR ((channel_name IS NULL) AND (kind = ANY (ARRAY['touch'::text, 'prune'::text])) AND (process IS NOT NULL) AND (room = ''::text) AND (session IS NULL))))
);


--
-- Name: presence_event_touches; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_event_touches (
    id bigint CONSTRAINT presence_event_id_not_null NOT NULL,
    since timestamp with time zone CONSTRAINT presence_event_since_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT presence_event_at_not_null NOT NULL,
    tx xid8 CONSTRAINT presence_event_tx_not_null NOT NULL,
    session bigint,
    last_seen timestamp with time zone,
    user_id uuid,
    day date DEFAULT ((clock_timestamp() AT TIME ZONE 'UTC'::text))::date CONSTRAINT presence_event_day_not_null NOT NULL,
    capacity integer,
    is_leased boolean,
    is_exclusive boolean,
    kind text CONSTRAINT presence_event_kind_not_null NOT NULL,
    room text CONSTRAINT presence_event_room_not_null NOT NULL COLLATE pg_catalog."C",
    channel_name text COLLATE pg_catalog."C",
    process text COLLATE pg_catalog."C",
    data jsonb,
    commitment text COLLATE pg_catalog."C",
    CONSTRAINT presence_event_subject CHECK ((((channel_name IS NOT NULL) AND (session IS NOT NULL)) OR ((channel_name IS NULL) AND (kind = 'prune'::text) AND (session IS NULL)) OR ((channel_name IS NULL) AND (kind = ANY (ARRAY['touch'::text, 'prune'::text])) AND (process IS NOT NULL) AND (room = ''::text) AND (session IS NULL))))
)
PARTITION BY RANGE (day);


--
-- Name: presence_event_touches_first; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_event_touches_first (
    id bigint CONSTRAINT presence_event_id_not_null NOT NULL,
    since timestamp with time zone CONSTRAINT presence_event_since_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT presence_event_at_not_null NOT NULL,
    tx xid8 CONSTRAINT presence_event_tx_not_null NOT NULL,
    session bigint,
    last_seen timestamp with time zone,
    user_id uuid,
    day date DEFAULT ((clock_timestamp() AT TIME ZONE 'UTC'::text))::date CONSTRAINT presence_event_day_not_null NOT NULL,
    capacity integer,
    is_leased boolean,
    is_exclusive boolean,
    kind text CONSTRAINT presence_event_kind_not_null NOT NULL,
    room text CONSTRAINT presence_event_room_not_null NOT NULL COLLATE pg_catalog."C",
    channel_name text COLLATE pg_catalog."C",
    process text COLLATE pg_catalog."C",
    data jsonb,
    commitment text COLLATE pg_catalog."C",
    CONSTRAINT presence_event_subject CHECK ((((channel_name IS NOT NULL) AND (session IS NOT NULL)) OR ((channel_name IS NULL) AND (kind = 'prune'::text) AND (session IS NULL)) OR ((channel_name IS NULL) AND (kind = ANY (ARRAY['touch'::text, 'prune'::text])) AND (process IS NOT NULL) AND (room = ''::text) AND (session IS NULL))))
);


--
-- Name: presence_hold; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_hold (
    id bigint NOT NULL,
    name text NOT NULL,
    from_day date,
    placed_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    placed_by text DEFAULT SESSION_USER NOT NULL,
    released_at timestamp with time zone,
    released_by text,
    CONSTRAINT presence_hold_release CHECK ((((released_at IS NULL) AND (released_by IS NULL)) OR ((released_at IS NOT NULL) AND (released_by IS NOT NULL))))
);


--
-- Name: presence_hold_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.presence_hold ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.presence_hold_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: presence_leader; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_leader (
    name text NOT NULL,
    pid integer NOT NULL,
    role bigint NOT NULL,
    key bigint NOT NULL,
    since timestamp with time zone NOT NULL
);


--
-- Name: presence_open_stay_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.presence_open_stay_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: presence_open_stay_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.presence_open_stay_id_seq OWNED BY public.presence_open_stay.id;


--
-- Name: presence_pseudonym_key; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.presence_pseudonym_key (
    day date NOT NULL,
    secret bytea NOT NULL
)
WITH (autovacuum_vacuum_threshold='0', autovacuum_vacuum_scale_factor='0');


--
-- Name: presence_removal; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_removal (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    by text DEFAULT SESSION_USER NOT NULL,
    operator text NOT NULL,
    segment text NOT NULL,
    part text NOT NULL,
    first_day date,
    end_day date NOT NULL,
    first_id bigint,
    last_id bigint,
    first_at timestamp with time zone,
    last_at timestamp with time zone,
    events jsonb NOT NULL,
    horizon timestamp with time zone,
    baseline bigint NOT NULL,
    archive text
);


--
-- Name: presence_removal_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.presence_removal ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.presence_removal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: presence_report_annotation; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_report_annotation (
    id bigint NOT NULL,
    report_id bigint NOT NULL,
    "row" integer,
    correction text NOT NULL,
    reason text NOT NULL,
    author text NOT NULL,
    author_name text,
    at timestamp with time zone DEFAULT statement_timestamp() NOT NULL
);


--
-- Name: presence_report_annotation_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.presence_report_annotation ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.presence_report_annotation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: presence_room; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_room (
    channel_name text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL
);


--
-- Name: presence_scheduled_report; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_scheduled_report (
    id bigint NOT NULL,
    room text NOT NULL COLLATE pg_catalog."C",
    title text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    expected jsonb,
    announced_at timestamp with time zone,
    CONSTRAINT presence_scheduled_report_span CHECK ((starts_at < ends_at))
);


--
-- Name: presence_scheduled_report_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.presence_scheduled_report ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.presence_scheduled_report_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: presence_seal; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_seal (
    number bigint NOT NULL,
    up_to bigint NOT NULL,
    text text NOT NULL,
    marks bytea NOT NULL,
    signature bytea,
    public_key bytea
);


--
-- Name: presence_seal_key; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_seal_key (
    subject text NOT NULL COLLATE pg_catalog."C",
    key bytea NOT NULL
);


--
-- Name: presence_seal_timestamp; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence_seal_timestamp (
    number bigint NOT NULL,
    response bytea NOT NULL
);


--
-- Name: presence_event_stays; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_event ATTACH PARTITION public.presence_event_stays FOR VALUES IN ('join', 'leave', 'prune');


--
-- Name: presence_event_stays_first; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_event_stays ATTACH PARTITION public.presence_event_stays_first FOR VALUES FROM (MINVALUE) TO (MAXVALUE);


--
-- Name: presence_event_touches; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_event ATTACH PARTITION public.presence_event_touches FOR VALUES IN ('touch');


--
-- Name: presence_event_touches_first; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_event_touches ATTACH PARTITION public.presence_event_touches_first FOR VALUES FROM (MINVALUE) TO (MAXVALUE);


--
-- Data for Name: presence_anchor; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_anchor (name, last_seal, failure, failing_since) FROM stdin;
\.


--
-- Data for Name: presence_attendance_report; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_attendance_report (schedule_id, room, title, starts_at, ends_at, made_at, "position", complete_from, rows) FROM stdin;
\.


--
-- Data for Name: presence_baseline; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_baseline (id, "position", at) FROM stdin;
\.


--
-- Data for Name: presence_baseline_process; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_baseline_process (name, started_at, seen_at) FROM stdin;
\.


--
-- Data for Name: presence_baseline_room; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_baseline_room (channel_name, created_at) FROM stdin;
\.


--
-- Data for Name: presence_baseline_stay; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_baseline_stay (id, room, channel_name, user_id, joined_at, touched_at, data, process, is_leased, exclusive_room) FROM stdin;
\.


--
-- Data for Name: presence_checkpoint; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_checkpoint (name, mark, cluster, moved_at) FROM stdin;
projector	[[null, 302, []], null, 0, 0]	7714109115711812945	2026-11-30 23:23:15.787104+00
\.


--
-- Data for Name: presence_dead_letter; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_dead_letter (id, worker, receiver, first, last, tries, error, at) FROM stdin;
1	projector	site.receive	2	2	3	ValueError	2026-11-30 23:23:15.78914+00
\.


--
-- Data for Name: presence_erasing; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_erasing (person, pseudonym, begun_at) FROM stdin;
\.


--
-- Data for Name: presence_erasure; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_erasure (id, at, tx, by, operator, segment, events) FROM stdin;
\.


--
-- Data for Name: presence_event_stays_first; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_event_stays_first (id, since, at, tx, session, last_seen, user_id, day, capacity, is_leased, is_exclusive, kind, room, channel_name, process, data, commitment) FROM stdin;
1	2026-03-02 05:00:00+00	2026-03-02 05:00:00+00	826	1	\N	\N	2026-03-02	\N	f	\N	join	hall	early	\N	\N	\N
2	2026-03-02 05:00:00+00	2026-03-02 06:00:00+00	826	1	2026-03-02 05:00:00+00	\N	2026-03-02	\N	\N	\N	leave	hall	early	\N	\N	\N
3	2026-03-02 05:00:00+00	2026-03-02 07:00:00+00	826	\N	\N	\N	2026-03-02	\N	\N	\N	prune	hall	\N	\N	\N	\N
4	2026-03-02 08:04:00+00	2026-03-02 08:04:00+00	826	3	\N	\N	2026-03-02	\N	f	\N	join	lobby	specific.0!0	\N	{"tab": 0, "device": "phone"}	\N
5	2026-03-02 09:04:00+00	2026-03-02 09:04:00+00	826	4	\N	00000000-0000-0000-0000-000000000003	2026-03-02	\N	f	\N	join	support	specific.1!1	\N	{"tab": 1, "device": "phone"}	\N
6	2026-03-02 09:04:00+00	2026-03-02 09:10:41+00	826	4	2026-03-02 09:04:00+00	00000000-0000-0000-0000-000000000003	2026-03-02	\N	\N	\N	leave	support	specific.1!1	\N	\N	\N
7	2026-03-02 09:20:00+00	2026-03-02 09:20:00+00	826	5	\N	\N	2026-03-02	\N	f	\N	join	Büro 3	specific.2!2	\N	["ä", 1.5]	\N
9	2026-03-02 09:20:00+00	2026-03-02 09:27:40+00	826	5	2026-03-02 09:26:40+00	\N	2026-03-02	\N	\N	\N	leave	Büro 3	specific.2!2	\N	\N	\N
10	2026-03-02 08:04:00+00	2026-03-02 09:28:20+00	826	3	2026-03-02 08:04:00+00	\N	2026-03-02	\N	\N	\N	leave	lobby	specific.0!0	\N	\N	\N
11	2026-03-02 10:25:00+00	2026-03-02 10:25:00+00	826	6	\N	\N	2026-03-02	\N	f	\N	join	lobby	specific.3!3	\N	\N	\N
12	2026-03-02 10:25:00+00	2026-03-02 10:26:20+00	826	6	2026-03-02 10:25:00+00	\N	2026-03-02	\N	\N	\N	leave	lobby	specific.3!3	\N	\N	\N
13	2026-03-02 10:40:00+00	2026-03-02 10:40:00+00	826	7	\N	00000000-0000-0000-0000-000000000003	2026-03-02	\N	f	\N	join	support	specific.4!4	\N	["ä", 1.5]	\N
14	2026-03-02 11:20:00+00	2026-03-02 11:20:00+00	826	8	\N	00000000-0000-0000-0000-000000000003	2026-03-02	\N	f	\N	join	Büro 3	specific.5!5	\N	{"tab": 5, "device": "phone"}	\N
16	2026-03-02 10:40:00+00	2026-03-02 12:03:21+00	826	7	2026-03-02 12:03:20+00	00000000-0000-0000-0000-000000000003	2026-03-02	\N	\N	\N	leave	support	specific.4!4	\N	\N	\N
17	2026-03-02 12:07:00+00	2026-03-02 12:07:00+00	826	9	\N	00000000-0000-0000-0000-000000000003	2026-03-02	\N	f	\N	join	lobby	specific.6!6	\N	{"tab": 6, "device": "phone"}	\N
18	2026-03-02 11:20:00+00	2026-03-02 12:44:20+00	826	8	2026-03-02 11:20:00+00	00000000-0000-0000-0000-000000000003	2026-03-02	\N	\N	\N	prune	Büro 3	specific.5!5	\N	{"reason": "silent"}	\N
19	2026-03-02 13:06:00+00	2026-03-02 13:06:00+00	826	10	\N	\N	2026-03-02	\N	f	\N	join	support	specific.0!7	\N	\N	\N
20	2026-03-02 12:07:00+00	2026-03-02 13:31:20+00	826	9	2026-03-02 12:07:00+00	00000000-0000-0000-0000-000000000003	2026-03-02	\N	\N	\N	prune	lobby	specific.6!6	\N	{"reason": "silent"}	\N
21	2026-03-02 13:43:00+00	2026-03-02 13:43:00+00	826	11	\N	00000000-0000-0000-0000-000000000005	2026-03-02	\N	f	\N	join	Büro 3	specific.1!8	\N	{"tab": 8, "device": "phone"}	\N
22	2026-03-02 13:43:00+00	2026-03-02 13:50:40+00	826	11	2026-03-02 13:43:00+00	00000000-0000-0000-0000-000000000005	2026-03-02	\N	\N	\N	leave	Büro 3	specific.1!8	\N	\N	\N
23	2026-03-02 14:09:00+00	2026-03-02 14:09:00+00	826	12	\N	00000000-0000-0000-0000-000000000003	2026-03-02	\N	f	\N	join	lobby	specific.2!9	\N	{"tab": 9, "device": "phone"}	\N
25	2026-03-02 13:06:00+00	2026-03-02 14:29:21+00	826	10	2026-03-02 14:29:20+00	\N	2026-03-02	\N	\N	\N	leave	support	specific.0!7	\N	\N	\N
26	2026-03-02 14:47:00+00	2026-03-02 14:47:00+00	826	13	\N	00000000-0000-0000-0000-000000000003	2026-03-02	\N	f	\N	join	support	specific.3!10	\N	["ä", 1.5]	\N
27	2026-03-02 14:09:00+00	2026-03-02 15:33:20+00	826	12	2026-03-02 14:09:00+00	00000000-0000-0000-0000-000000000003	2026-03-02	\N	\N	\N	leave	lobby	specific.2!9	\N	\N	\N
28	2026-03-02 15:48:00+00	2026-03-02 15:48:00+00	826	14	\N	00000000-0000-0000-0000-000000000005	2026-03-02	\N	f	\N	join	Büro 3	specific.4!11	\N	{"tab": 11, "device": "phone"}	\N
30	2026-03-02 14:47:00+00	2026-03-02 16:10:21+00	826	13	2026-03-02 16:10:20+00	00000000-0000-0000-0000-000000000003	2026-03-02	\N	\N	\N	leave	support	specific.3!10	\N	\N	\N
31	2026-03-02 16:21:00+00	2026-03-02 16:21:00+00	826	15	\N	00000000-0000-0000-0000-000000000001	2026-03-02	\N	f	\N	join	lobby	specific.5!12	\N	{"tab": 12, "device": "phone"}	\N
32	2026-03-02 17:03:00+00	2026-03-02 17:03:00+00	826	16	\N	00000000-0000-0000-0000-000000000002	2026-03-02	\N	f	\N	join	support	specific.6!13	\N	\N	\N
33	2026-03-02 17:03:00+00	2026-03-02 17:04:20+00	826	16	2026-03-02 17:03:00+00	00000000-0000-0000-0000-000000000002	2026-03-02	\N	\N	\N	leave	support	specific.6!13	\N	\N	\N
34	2026-03-02 15:48:00+00	2026-03-02 17:12:20+00	826	14	2026-03-02 15:48:00+00	00000000-0000-0000-0000-000000000005	2026-03-02	\N	\N	\N	leave	Büro 3	specific.4!11	\N	\N	\N
35	2026-03-02 17:36:00+00	2026-03-02 17:36:00+00	826	17	\N	00000000-0000-0000-0000-000000000001	2026-03-02	\N	f	\N	join	Büro 3	specific.0!14	\N	["ä", 1.5]	\N
37	2026-03-02 17:36:00+00	2026-03-02 17:36:21+00	826	17	2026-03-02 17:36:20+00	00000000-0000-0000-0000-000000000001	2026-03-02	\N	\N	\N	leave	Büro 3	specific.0!14	\N	\N	\N
39	2026-03-02 16:21:00+00	2026-03-02 17:45:20+00	826	15	2026-03-02 17:44:20+00	00000000-0000-0000-0000-000000000001	2026-03-02	\N	\N	\N	prune	lobby	specific.5!12	\N	{"reason": "silent"}	\N
40	2026-03-02 18:11:00+00	2026-03-02 18:11:00+00	826	18	\N	00000000-0000-0000-0000-000000000002	2026-03-02	\N	f	\N	join	lobby	specific.1!15	\N	["ä", 1.5]	\N
41	2026-03-02 18:56:00+00	2026-03-02 18:56:00+00	826	19	\N	00000000-0000-0000-0000-000000000004	2026-03-02	\N	f	\N	join	support	specific.2!16	\N	\N	\N
43	2026-03-02 18:56:00+00	2026-03-02 18:56:21+00	826	19	2026-03-02 18:56:20+00	00000000-0000-0000-0000-000000000004	2026-03-02	\N	\N	\N	leave	support	specific.2!16	\N	\N	\N
45	2026-03-02 18:11:00+00	2026-03-02 19:34:21+00	826	18	2026-03-02 19:34:20+00	00000000-0000-0000-0000-000000000002	2026-03-02	\N	\N	\N	leave	lobby	specific.1!15	\N	\N	\N
46	2026-03-02 19:35:00+00	2026-03-02 19:35:00+00	826	20	\N	00000000-0000-0000-0000-000000000001	2026-03-02	\N	f	\N	join	Büro 3	specific.3!17	\N	{"tab": 17, "device": "phone"}	\N
48	2026-03-02 19:35:00+00	2026-03-02 19:42:40+00	826	20	2026-03-02 19:41:40+00	00000000-0000-0000-0000-000000000001	2026-03-02	\N	\N	\N	leave	Büro 3	specific.3!17	\N	\N	\N
49	2026-03-02 20:13:00+00	2026-03-02 20:13:00+00	826	21	\N	00000000-0000-0000-0000-000000000004	2026-03-02	\N	f	\N	join	lobby	specific.4!18	\N	["ä", 1.5]	\N
51	2026-03-02 20:13:00+00	2026-03-02 20:20:40+00	826	21	2026-03-02 20:19:40+00	00000000-0000-0000-0000-000000000004	2026-03-02	\N	\N	\N	prune	lobby	specific.4!18	\N	{"reason": "silent"}	\N
52	2026-03-02 20:40:00+00	2026-03-02 20:40:00+00	826	22	\N	00000000-0000-0000-0000-000000000004	2026-03-02	\N	f	\N	join	support	specific.5!19	\N	["ä", 1.5]	\N
53	2026-03-02 20:40:00+00	2026-03-02 20:40:21+00	826	22	2026-03-02 20:40:00+00	00000000-0000-0000-0000-000000000004	2026-03-02	\N	\N	\N	leave	support	specific.5!19	\N	\N	\N
54	2026-03-02 21:45:00+00	2026-03-02 21:45:00+00	826	23	\N	00000000-0000-0000-0000-000000000005	2026-03-02	\N	f	\N	join	Büro 3	specific.6!20	\N	\N	\N
55	2026-03-02 21:45:00+00	2026-03-02 21:51:41+00	826	23	2026-03-02 21:45:00+00	00000000-0000-0000-0000-000000000005	2026-03-02	\N	\N	\N	prune	Büro 3	specific.6!20	\N	{"reason": "silent"}	\N
56	2026-03-02 22:14:00+00	2026-03-02 22:14:00+00	826	24	\N	00000000-0000-0000-0000-000000000002	2026-03-02	\N	f	\N	join	lobby	specific.0!21	\N	\N	\N
58	2026-03-02 22:14:00+00	2026-03-02 22:14:21+00	826	24	2026-03-02 22:14:20+00	00000000-0000-0000-0000-000000000002	2026-03-02	\N	\N	\N	leave	lobby	specific.0!21	\N	\N	\N
59	2026-03-02 23:05:00+00	2026-03-02 23:05:00+00	826	25	\N	00000000-0000-0000-0000-000000000002	2026-03-02	\N	f	\N	join	support	specific.1!22	\N	\N	\N
60	2026-03-02 23:28:00+00	2026-03-02 23:28:00+00	826	26	\N	00000000-0000-0000-0000-000000000005	2026-03-02	\N	f	\N	join	Büro 3	specific.2!23	\N	{"tab": 23, "device": "phone"}	\N
61	2026-03-03 00:22:00+00	2026-03-03 00:22:00+00	826	27	\N	\N	2026-03-03	\N	f	\N	join	lobby	specific.3!24	\N	{"tab": 24, "device": "phone"}	\N
62	2026-03-02 23:05:00+00	2026-03-03 00:28:21+00	826	25	2026-03-02 23:05:00+00	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	prune	support	specific.1!22	\N	{"reason": "silent"}	\N
64	2026-03-03 00:22:00+00	2026-03-03 00:28:41+00	826	27	2026-03-03 00:28:40+00	\N	2026-03-03	\N	\N	\N	leave	lobby	specific.3!24	\N	\N	\N
65	2026-03-03 00:50:00+00	2026-03-03 00:50:00+00	826	28	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	f	\N	join	support	specific.4!25	\N	["ä", 1.5]	\N
67	2026-03-02 23:28:00+00	2026-03-03 00:52:20+00	826	26	2026-03-03 00:51:20+00	00000000-0000-0000-0000-000000000005	2026-03-03	\N	\N	\N	leave	Büro 3	specific.2!23	\N	\N	\N
69	2026-03-03 00:50:00+00	2026-03-03 00:56:41+00	826	28	2026-03-03 00:56:40+00	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	leave	support	specific.4!25	\N	\N	\N
70	2026-03-03 01:36:00+00	2026-03-03 01:36:00+00	826	29	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	f	\N	join	Büro 3	specific.5!26	\N	\N	\N
71	2026-03-03 01:36:00+00	2026-03-03 01:36:21+00	826	29	2026-03-03 01:36:00+00	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	leave	Büro 3	specific.5!26	\N	\N	\N
72	2026-03-03 02:12:00+00	2026-03-03 02:12:00+00	826	30	\N	00000000-0000-0000-0000-000000000001	2026-03-03	\N	f	\N	join	lobby	specific.6!27	\N	["ä", 1.5]	\N
74	2026-03-03 02:12:00+00	2026-03-03 02:13:20+00	826	30	2026-03-03 02:12:20+00	00000000-0000-0000-0000-000000000001	2026-03-03	\N	\N	\N	prune	lobby	specific.6!27	\N	{"reason": "silent"}	\N
75	2026-03-03 03:06:00+00	2026-03-03 03:06:00+00	826	31	\N	00000000-0000-0000-0000-000000000005	2026-03-03	\N	f	\N	join	support	specific.0!28	\N	["ä", 1.5]	\N
76	2026-03-03 03:06:00+00	2026-03-03 03:07:20+00	826	31	2026-03-03 03:06:00+00	00000000-0000-0000-0000-000000000005	2026-03-03	\N	\N	\N	leave	support	specific.0!28	\N	\N	\N
77	2026-03-03 03:40:00+00	2026-03-03 03:40:00+00	826	32	\N	00000000-0000-0000-0000-000000000004	2026-03-03	\N	f	\N	join	Büro 3	specific.1!29	\N	\N	\N
79	2026-03-03 03:40:00+00	2026-03-03 03:41:20+00	826	32	2026-03-03 03:40:20+00	00000000-0000-0000-0000-000000000004	2026-03-03	\N	\N	\N	leave	Büro 3	specific.1!29	\N	\N	\N
80	2026-03-03 04:23:00+00	2026-03-03 04:23:00+00	826	33	\N	00000000-0000-0000-0000-000000000001	2026-03-03	\N	f	\N	join	lobby	specific.2!30	\N	\N	\N
82	2026-03-03 04:23:00+00	2026-03-03 04:29:41+00	826	33	2026-03-03 04:29:40+00	00000000-0000-0000-0000-000000000001	2026-03-03	\N	\N	\N	prune	lobby	specific.2!30	\N	{"reason": "silent"}	\N
83	2026-03-03 05:07:00+00	2026-03-03 05:07:00+00	826	34	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	f	\N	join	support	specific.3!31	\N	["ä", 1.5]	\N
85	2026-03-03 05:07:00+00	2026-03-03 05:07:21+00	826	34	2026-03-03 05:07:20+00	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	leave	support	specific.3!31	\N	\N	\N
86	2026-03-03 05:28:00+00	2026-03-03 05:28:00+00	826	35	\N	\N	2026-03-03	\N	f	\N	join	Büro 3	specific.4!32	\N	\N	\N
88	2026-03-03 05:28:00+00	2026-03-03 05:28:21+00	826	35	2026-03-03 05:28:20+00	\N	2026-03-03	\N	\N	\N	prune	Büro 3	specific.4!32	\N	{"reason": "silent"}	\N
89	2026-03-03 06:26:00+00	2026-03-03 06:26:00+00	826	36	\N	\N	2026-03-03	\N	f	\N	join	lobby	specific.5!33	\N	{"tab": 33, "device": "phone"}	\N
90	2026-03-03 06:43:00+00	2026-03-03 06:43:00+00	826	37	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	f	\N	join	support	specific.6!34	\N	\N	\N
92	2026-03-03 06:43:00+00	2026-03-03 06:43:21+00	826	37	2026-03-03 06:43:20+00	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	leave	support	specific.6!34	\N	\N	\N
93	2026-03-03 07:41:00+00	2026-03-03 07:41:00+00	826	38	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	f	\N	join	Büro 3	specific.0!35	\N	["ä", 1.5]	\N
95	2026-03-03 07:41:00+00	2026-03-03 07:47:41+00	826	38	2026-03-03 07:47:40+00	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	prune	Büro 3	specific.0!35	\N	{"reason": "silent"}	\N
96	2026-03-03 06:26:00+00	2026-03-03 07:50:20+00	826	36	2026-03-03 06:26:00+00	\N	2026-03-03	\N	\N	\N	leave	lobby	specific.5!33	\N	\N	\N
97	2026-03-03 08:27:00+00	2026-03-03 08:27:00+00	826	39	\N	\N	2026-03-03	\N	f	\N	join	lobby	specific.1!36	\N	{"tab": 36, "device": "phone"}	\N
98	2026-03-03 08:27:00+00	2026-03-03 08:33:41+00	826	39	2026-03-03 08:27:00+00	\N	2026-03-03	\N	\N	\N	leave	lobby	specific.1!36	\N	\N	\N
99	2026-03-03 09:05:00+00	2026-03-03 09:05:00+00	826	40	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	f	\N	join	support	specific.2!37	\N	{"tab": 37, "device": "phone"}	\N
100	2026-03-03 09:41:00+00	2026-03-03 09:41:00+00	826	41	\N	00000000-0000-0000-0000-000000000004	2026-03-03	\N	f	\N	join	Büro 3	specific.3!38	\N	["ä", 1.5]	\N
102	2026-03-03 09:41:00+00	2026-03-03 09:42:20+00	826	41	2026-03-03 09:41:20+00	00000000-0000-0000-0000-000000000004	2026-03-03	\N	\N	\N	leave	Büro 3	specific.3!38	\N	\N	\N
103	2026-03-03 10:07:00+00	2026-03-03 10:07:00+00	826	42	\N	\N	2026-03-03	\N	f	\N	join	lobby	specific.4!39	\N	\N	\N
104	2026-03-03 10:07:00+00	2026-03-03 10:07:21+00	826	42	2026-03-03 10:07:00+00	\N	2026-03-03	\N	\N	\N	leave	lobby	specific.4!39	\N	\N	\N
105	2026-03-03 09:05:00+00	2026-03-03 10:29:20+00	826	40	2026-03-03 09:05:00+00	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	leave	support	specific.2!37	\N	\N	\N
106	2026-03-03 11:09:00+00	2026-03-03 11:09:00+00	826	43	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	f	\N	join	support	specific.5!40	\N	{"tab": 40, "device": "phone"}	\N
107	2026-03-03 11:30:00+00	2026-03-03 11:30:00+00	826	44	\N	00000000-0000-0000-0000-000000000004	2026-03-03	\N	f	\N	join	Büro 3	specific.6!41	\N	["ä", 1.5]	\N
108	2026-03-03 11:30:00+00	2026-03-03 11:31:20+00	826	44	2026-03-03 11:30:00+00	00000000-0000-0000-0000-000000000004	2026-03-03	\N	\N	\N	prune	Büro 3	specific.6!41	\N	{"reason": "silent"}	\N
109	2026-03-03 12:17:00+00	2026-03-03 12:17:00+00	826	45	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	f	\N	join	lobby	specific.0!42	\N	\N	\N
111	2026-03-03 12:17:00+00	2026-03-03 12:17:21+00	826	45	2026-03-03 12:17:20+00	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	leave	lobby	specific.0!42	\N	\N	\N
113	2026-03-03 11:09:00+00	2026-03-03 12:33:20+00	826	43	2026-03-03 12:32:20+00	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	prune	support	specific.5!40	\N	{"reason": "silent"}	\N
114	2026-03-03 13:06:00+00	2026-03-03 13:06:00+00	826	46	\N	00000000-0000-0000-0000-000000000004	2026-03-03	\N	f	\N	join	support	specific.1!43	\N	["ä", 1.5]	\N
115	2026-03-03 13:06:00+00	2026-03-03 13:07:20+00	826	46	2026-03-03 13:06:00+00	00000000-0000-0000-0000-000000000004	2026-03-03	\N	\N	\N	leave	support	specific.1!43	\N	\N	\N
116	2026-03-03 13:37:00+00	2026-03-03 13:37:00+00	826	47	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	f	\N	join	Büro 3	specific.2!44	\N	["ä", 1.5]	\N
118	2026-03-03 13:37:00+00	2026-03-03 13:38:20+00	826	47	2026-03-03 13:37:20+00	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	leave	Büro 3	specific.2!44	\N	\N	\N
119	2026-03-03 14:17:00+00	2026-03-03 14:17:00+00	826	48	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	f	\N	join	lobby	specific.3!45	\N	{"tab": 45, "device": "phone"}	\N
120	2026-03-03 14:17:00+00	2026-03-03 14:17:21+00	826	48	2026-03-03 14:17:00+00	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	leave	lobby	specific.3!45	\N	\N	\N
121	2026-03-03 14:40:00+00	2026-03-03 14:40:00+00	826	49	\N	\N	2026-03-03	\N	f	\N	join	support	specific.4!46	\N	\N	\N
122	2026-03-03 15:26:00+00	2026-03-03 15:26:00+00	826	50	\N	00000000-0000-0000-0000-000000000004	2026-03-03	\N	f	\N	join	Büro 3	specific.5!47	\N	\N	\N
123	2026-03-03 15:26:00+00	2026-03-03 15:27:20+00	826	50	2026-03-03 15:26:00+00	00000000-0000-0000-0000-000000000004	2026-03-03	\N	\N	\N	leave	Büro 3	specific.5!47	\N	\N	\N
124	2026-03-03 14:40:00+00	2026-03-03 16:04:20+00	826	49	2026-03-03 14:40:00+00	\N	2026-03-03	\N	\N	\N	leave	support	specific.4!46	\N	\N	\N
125	2026-03-03 16:14:00+00	2026-03-03 16:14:00+00	826	51	\N	00000000-0000-0000-0000-000000000001	2026-03-03	\N	f	\N	join	lobby	specific.6!48	\N	{"tab": 48, "device": "phone"}	\N
127	2026-03-03 16:14:00+00	2026-03-03 16:14:21+00	826	51	2026-03-03 16:14:20+00	00000000-0000-0000-0000-000000000001	2026-03-03	\N	\N	\N	leave	lobby	specific.6!48	\N	\N	\N
128	2026-03-03 17:05:00+00	2026-03-03 17:05:00+00	826	52	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	f	\N	join	support	specific.0!49	\N	{"tab": 49, "device": "phone"}	\N
129	2026-03-03 17:23:00+00	2026-03-03 17:23:00+00	826	53	\N	\N	2026-03-03	\N	f	\N	join	Büro 3	specific.1!50	\N	{"tab": 50, "device": "phone"}	\N
130	2026-03-03 17:23:00+00	2026-03-03 17:23:21+00	826	53	2026-03-03 17:23:00+00	\N	2026-03-03	\N	\N	\N	leave	Büro 3	specific.1!50	\N	\N	\N
131	2026-03-03 18:23:00+00	2026-03-03 18:23:00+00	826	54	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	f	\N	join	lobby	specific.2!51	\N	\N	\N
133	2026-03-03 17:05:00+00	2026-03-03 18:29:20+00	826	52	2026-03-03 18:28:20+00	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	leave	support	specific.0!49	\N	\N	\N
134	2026-03-03 18:42:00+00	2026-03-03 18:42:00+00	826	55	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	f	\N	join	support	specific.3!52	\N	\N	\N
136	2026-03-03 18:42:00+00	2026-03-03 18:48:41+00	826	55	2026-03-03 18:48:40+00	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	leave	support	specific.3!52	\N	\N	\N
137	2026-03-03 19:45:00+00	2026-03-03 19:45:00+00	826	56	\N	00000000-0000-0000-0000-000000000004	2026-03-03	\N	f	\N	join	Büro 3	specific.4!53	\N	{"tab": 53, "device": "phone"}	\N
139	2026-03-03 18:23:00+00	2026-03-03 19:47:20+00	826	54	2026-03-03 19:46:20+00	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	leave	lobby	specific.2!51	\N	\N	\N
140	2026-03-03 20:05:00+00	2026-03-03 20:05:00+00	826	57	\N	00000000-0000-0000-0000-000000000001	2026-03-03	\N	f	\N	join	lobby	specific.5!54	\N	\N	\N
141	2026-03-03 21:06:00+00	2026-03-03 21:06:00+00	826	58	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	f	\N	join	support	specific.6!55	\N	\N	\N
143	2026-03-03 19:45:00+00	2026-03-03 21:09:20+00	826	56	2026-03-03 21:08:20+00	00000000-0000-0000-0000-000000000004	2026-03-03	\N	\N	\N	leave	Büro 3	specific.4!53	\N	\N	\N
145	2026-03-03 21:06:00+00	2026-03-03 21:12:41+00	826	58	2026-03-03 21:12:40+00	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	prune	support	specific.6!55	\N	{"reason": "silent"}	\N
147	2026-03-03 20:05:00+00	2026-03-03 21:28:21+00	826	57	2026-03-03 21:28:20+00	00000000-0000-0000-0000-000000000001	2026-03-03	\N	\N	\N	prune	lobby	specific.5!54	\N	{"reason": "silent"}	\N
148	2026-03-03 21:32:00+00	2026-03-03 21:32:00+00	826	59	\N	00000000-0000-0000-0000-000000000001	2026-03-03	\N	f	\N	join	Büro 3	specific.0!56	\N	\N	\N
150	2026-03-03 21:32:00+00	2026-03-03 21:39:40+00	826	59	2026-03-03 21:38:40+00	00000000-0000-0000-0000-000000000001	2026-03-03	\N	\N	\N	prune	Büro 3	specific.0!56	\N	{"reason": "silent"}	\N
151	2026-03-03 22:10:00+00	2026-03-03 22:10:00+00	826	60	\N	00000000-0000-0000-0000-000000000004	2026-03-03	\N	f	\N	join	lobby	specific.1!57	\N	\N	\N
152	2026-03-03 22:10:00+00	2026-03-03 22:10:21+00	826	60	2026-03-03 22:10:00+00	00000000-0000-0000-0000-000000000004	2026-03-03	\N	\N	\N	leave	lobby	specific.1!57	\N	\N	\N
153	2026-03-03 22:40:00+00	2026-03-03 22:40:00+00	826	61	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	f	\N	join	support	specific.2!58	\N	\N	\N
154	2026-03-03 22:40:00+00	2026-03-03 22:40:21+00	826	61	2026-03-03 22:40:00+00	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	leave	support	specific.2!58	\N	\N	\N
155	2026-03-03 23:40:00+00	2026-03-03 23:40:00+00	826	62	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	f	\N	join	Büro 3	specific.3!59	\N	\N	\N
157	2026-03-03 23:40:00+00	2026-03-03 23:41:20+00	826	62	2026-03-03 23:40:20+00	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	prune	Büro 3	specific.3!59	\N	{"reason": "silent"}	\N
158	2026-03-04 00:03:00+00	2026-03-04 00:03:00+00	826	63	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	f	\N	join	lobby	specific.4!60	\N	\N	\N
159	2026-03-04 01:04:00+00	2026-03-04 01:04:00+00	826	64	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	f	\N	join	support	specific.5!61	\N	["ä", 1.5]	\N
160	2026-03-04 01:04:00+00	2026-03-04 01:05:20+00	826	64	2026-03-04 01:04:00+00	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	leave	support	specific.5!61	\N	\N	\N
161	2026-03-04 00:03:00+00	2026-03-04 01:26:21+00	826	63	2026-03-04 00:03:00+00	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	leave	lobby	specific.4!60	\N	\N	\N
162	2026-03-04 01:36:00+00	2026-03-04 01:36:00+00	826	65	\N	00000000-0000-0000-0000-000000000001	2026-03-04	\N	f	\N	join	Büro 3	specific.6!62	\N	{"tab": 62, "device": "phone"}	\N
163	2026-03-04 02:26:00+00	2026-03-04 02:26:00+00	826	66	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	f	\N	join	lobby	specific.0!63	\N	{"tab": 63, "device": "phone"}	\N
164	2026-03-04 02:53:00+00	2026-03-04 02:53:00+00	826	67	\N	00000000-0000-0000-0000-000000000005	2026-03-04	\N	f	\N	join	support	specific.1!64	\N	\N	\N
165	2026-03-04 01:36:00+00	2026-03-04 02:59:21+00	826	65	2026-03-04 01:36:00+00	00000000-0000-0000-0000-000000000001	2026-03-04	\N	\N	\N	prune	Büro 3	specific.6!62	\N	{"reason": "silent"}	\N
166	2026-03-04 03:41:00+00	2026-03-04 03:41:00+00	826	68	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	f	\N	join	Büro 3	specific.2!65	\N	["ä", 1.5]	\N
168	2026-03-04 03:41:00+00	2026-03-04 03:48:40+00	826	68	2026-03-04 03:47:40+00	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	leave	Büro 3	specific.2!65	\N	\N	\N
169	2026-03-04 02:26:00+00	2026-03-04 03:49:21+00	826	66	2026-03-04 02:26:00+00	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	leave	lobby	specific.0!63	\N	\N	\N
170	2026-03-04 04:14:00+00	2026-03-04 04:14:00+00	826	69	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	f	\N	join	lobby	specific.3!66	\N	{"tab": 66, "device": "phone"}	\N
172	2026-03-04 04:14:00+00	2026-03-04 04:14:21+00	826	69	2026-03-04 04:14:20+00	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	leave	lobby	specific.3!66	\N	\N	\N
174	2026-03-04 02:53:00+00	2026-03-04 04:16:21+00	826	67	2026-03-04 04:16:20+00	00000000-0000-0000-0000-000000000005	2026-03-04	\N	\N	\N	prune	support	specific.1!64	\N	{"reason": "silent"}	\N
175	2026-03-04 04:40:00+00	2026-03-04 04:40:00+00	826	70	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	f	\N	join	support	specific.4!67	\N	["ä", 1.5]	\N
176	2026-03-04 05:31:00+00	2026-03-04 05:31:00+00	826	71	\N	00000000-0000-0000-0000-000000000001	2026-03-04	\N	f	\N	join	Büro 3	specific.5!68	\N	{"tab": 68, "device": "phone"}	\N
177	2026-03-04 04:40:00+00	2026-03-04 06:03:21+00	826	70	2026-03-04 04:40:00+00	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	leave	support	specific.4!67	\N	\N	\N
178	2026-03-04 06:12:00+00	2026-03-04 06:12:00+00	826	72	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	f	\N	join	lobby	specific.6!69	\N	{"tab": 69, "device": "phone"}	\N
179	2026-03-04 06:40:00+00	2026-03-04 06:40:00+00	826	73	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	f	\N	join	support	specific.0!70	\N	\N	\N
180	2026-03-04 06:40:00+00	2026-03-04 06:41:20+00	826	73	2026-03-04 06:40:00+00	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	leave	support	specific.0!70	\N	\N	\N
182	2026-03-04 05:31:00+00	2026-03-04 06:54:21+00	826	71	2026-03-04 06:54:20+00	00000000-0000-0000-0000-000000000001	2026-03-04	\N	\N	\N	prune	Büro 3	specific.5!68	\N	{"reason": "silent"}	\N
183	2026-03-04 07:30:00+00	2026-03-04 07:30:00+00	826	74	\N	00000000-0000-0000-0000-000000000001	2026-03-04	\N	f	\N	join	Büro 3	specific.1!71	\N	["ä", 1.5]	\N
184	2026-03-04 06:12:00+00	2026-03-04 07:35:21+00	826	72	2026-03-04 06:12:00+00	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	leave	lobby	specific.6!69	\N	\N	\N
186	2026-03-04 07:30:00+00	2026-03-04 07:37:40+00	826	74	2026-03-04 07:36:40+00	00000000-0000-0000-0000-000000000001	2026-03-04	\N	\N	\N	leave	Büro 3	specific.1!71	\N	\N	\N
187	2026-03-04 08:19:00+00	2026-03-04 08:19:00+00	826	75	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	f	\N	join	lobby	specific.2!72	\N	\N	\N
188	2026-03-04 09:04:00+00	2026-03-04 09:04:00+00	826	76	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	f	\N	join	support	specific.3!73	\N	{"tab": 73, "device": "phone"}	\N
189	2026-03-04 09:29:00+00	2026-03-04 09:29:00+00	826	77	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	f	\N	join	Büro 3	specific.4!74	\N	["ä", 1.5]	\N
190	2026-03-04 08:19:00+00	2026-03-04 09:42:21+00	826	75	2026-03-04 08:19:00+00	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	leave	lobby	specific.2!72	\N	\N	\N
191	2026-03-04 10:22:00+00	2026-03-04 10:22:00+00	826	78	\N	\N	2026-03-04	\N	f	\N	join	lobby	specific.5!75	\N	\N	\N
192	2026-03-04 09:04:00+00	2026-03-04 10:27:21+00	826	76	2026-03-04 09:04:00+00	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	leave	support	specific.3!73	\N	\N	\N
193	2026-03-04 10:44:00+00	2026-03-04 10:44:00+00	826	79	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	f	\N	join	support	specific.6!76	\N	["ä", 1.5]	\N
195	2026-03-04 10:44:00+00	2026-03-04 10:50:41+00	826	79	2026-03-04 10:50:40+00	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	leave	support	specific.6!76	\N	\N	\N
196	2026-03-04 09:29:00+00	2026-03-04 10:53:20+00	826	77	2026-03-04 09:29:00+00	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	prune	Büro 3	specific.4!74	\N	{"reason": "silent"}	\N
197	2026-03-04 11:32:00+00	2026-03-04 11:32:00+00	826	80	\N	00000000-0000-0000-0000-000000000003	2026-03-04	\N	f	\N	join	Büro 3	specific.0!77	\N	["ä", 1.5]	\N
199	2026-03-04 10:22:00+00	2026-03-04 11:45:21+00	826	78	2026-03-04 11:45:20+00	\N	2026-03-04	\N	\N	\N	leave	lobby	specific.5!75	\N	\N	\N
200	2026-03-04 12:02:00+00	2026-03-04 12:02:00+00	826	81	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	f	\N	join	lobby	specific.1!78	\N	["ä", 1.5]	\N
201	2026-03-04 12:02:00+00	2026-03-04 12:08:41+00	826	81	2026-03-04 12:02:00+00	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	leave	lobby	specific.1!78	\N	\N	\N
202	2026-03-04 11:32:00+00	2026-03-04 12:55:21+00	826	80	2026-03-04 11:32:00+00	00000000-0000-0000-0000-000000000003	2026-03-04	\N	\N	\N	leave	Büro 3	specific.0!77	\N	\N	\N
203	2026-03-04 13:06:00+00	2026-03-04 13:06:00+00	826	82	\N	\N	2026-03-04	\N	f	\N	join	support	specific.2!79	\N	{"tab": 79, "device": "phone"}	\N
204	2026-03-04 13:45:00+00	2026-03-04 13:45:00+00	826	83	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	f	\N	join	Büro 3	specific.3!80	\N	["ä", 1.5]	\N
205	2026-03-04 13:45:00+00	2026-03-04 13:52:40+00	826	83	2026-03-04 13:45:00+00	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	leave	Büro 3	specific.3!80	\N	\N	\N
206	2026-03-04 14:29:00+00	2026-03-04 14:29:00+00	826	84	\N	\N	2026-03-04	\N	f	\N	join	lobby	specific.4!81	\N	\N	\N
207	2026-03-04 13:06:00+00	2026-03-04 14:30:20+00	826	82	2026-03-04 13:06:00+00	\N	2026-03-04	\N	\N	\N	leave	support	specific.2!79	\N	\N	\N
209	2026-03-04 14:29:00+00	2026-03-04 14:36:40+00	826	84	2026-03-04 14:35:40+00	\N	2026-03-04	\N	\N	\N	leave	lobby	specific.4!81	\N	\N	\N
210	2026-03-04 15:01:00+00	2026-03-04 15:01:00+00	826	85	\N	00000000-0000-0000-0000-000000000003	2026-03-04	\N	f	\N	join	support	specific.5!82	\N	["ä", 1.5]	\N
211	2026-03-04 15:01:00+00	2026-03-04 15:07:41+00	826	85	2026-03-04 15:01:00+00	00000000-0000-0000-0000-000000000003	2026-03-04	\N	\N	\N	prune	support	specific.5!82	\N	{"reason": "silent"}	\N
212	2026-03-04 15:34:00+00	2026-03-04 15:34:00+00	826	86	\N	00000000-0000-0000-0000-000000000005	2026-03-04	\N	f	\N	join	Büro 3	specific.6!83	\N	\N	\N
213	2026-03-04 16:05:00+00	2026-03-04 16:05:00+00	826	87	\N	00000000-0000-0000-0000-000000000001	2026-03-04	\N	f	\N	join	lobby	specific.0!84	\N	["ä", 1.5]	\N
215	2026-03-04 16:05:00+00	2026-03-04 16:12:40+00	826	87	2026-03-04 16:11:40+00	00000000-0000-0000-0000-000000000001	2026-03-04	\N	\N	\N	prune	lobby	specific.0!84	\N	{"reason": "silent"}	\N
217	2026-03-04 15:34:00+00	2026-03-04 16:57:21+00	826	86	2026-03-04 16:57:20+00	00000000-0000-0000-0000-000000000005	2026-03-04	\N	\N	\N	prune	Büro 3	specific.6!83	\N	{"reason": "silent"}	\N
218	2026-03-04 17:04:00+00	2026-03-04 17:04:00+00	826	88	\N	00000000-0000-0000-0000-000000000003	2026-03-04	\N	f	\N	join	support	specific.1!85	\N	{"tab": 85, "device": "phone"}	\N
220	2026-03-04 17:04:00+00	2026-03-04 17:10:41+00	826	88	2026-03-04 17:10:40+00	00000000-0000-0000-0000-000000000003	2026-03-04	\N	\N	\N	leave	support	specific.1!85	\N	\N	\N
221	2026-03-04 17:33:00+00	2026-03-04 17:33:00+00	826	89	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	f	\N	join	Büro 3	specific.2!86	\N	{"tab": 86, "device": "phone"}	\N
222	2026-03-04 17:33:00+00	2026-03-04 17:34:20+00	826	89	2026-03-04 17:33:00+00	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	leave	Büro 3	specific.2!86	\N	\N	\N
223	2026-03-04 18:25:00+00	2026-03-04 18:25:00+00	826	90	\N	\N	2026-03-04	\N	f	\N	join	lobby	specific.3!87	\N	["ä", 1.5]	\N
224	2026-03-04 18:25:00+00	2026-03-04 18:25:21+00	826	90	2026-03-04 18:25:00+00	\N	2026-03-04	\N	\N	\N	leave	lobby	specific.3!87	\N	\N	\N
225	2026-03-04 18:49:00+00	2026-03-04 18:49:00+00	826	91	\N	00000000-0000-0000-0000-000000000005	2026-03-04	\N	f	\N	join	support	specific.4!88	\N	["ä", 1.5]	\N
226	2026-03-04 19:31:00+00	2026-03-04 19:31:00+00	826	92	\N	00000000-0000-0000-0000-000000000003	2026-03-04	\N	f	\N	join	Büro 3	specific.5!89	\N	\N	\N
227	2026-03-04 20:03:00+00	2026-03-04 20:03:00+00	826	93	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	f	\N	join	lobby	specific.6!90	\N	{"tab": 90, "device": "phone"}	\N
229	2026-03-04 20:03:00+00	2026-03-04 20:10:40+00	826	93	2026-03-04 20:09:40+00	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	leave	lobby	specific.6!90	\N	\N	\N
230	2026-03-04 18:49:00+00	2026-03-04 20:12:21+00	826	91	2026-03-04 18:49:00+00	00000000-0000-0000-0000-000000000005	2026-03-04	\N	\N	\N	leave	support	specific.4!88	\N	\N	\N
232	2026-03-04 19:31:00+00	2026-03-04 20:55:20+00	826	92	2026-03-04 20:54:20+00	00000000-0000-0000-0000-000000000003	2026-03-04	\N	\N	\N	leave	Büro 3	specific.5!89	\N	\N	\N
233	2026-03-04 21:05:00+00	2026-03-04 21:05:00+00	826	94	\N	00000000-0000-0000-0000-000000000003	2026-03-04	\N	f	\N	join	support	specific.0!91	\N	{"tab": 91, "device": "phone"}	\N
234	2026-03-04 21:26:00+00	2026-03-04 21:26:00+00	826	95	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	f	\N	join	Büro 3	specific.1!92	\N	["ä", 1.5]	\N
235	2026-03-04 22:26:00+00	2026-03-04 22:26:00+00	826	96	\N	00000000-0000-0000-0000-000000000005	2026-03-04	\N	f	\N	join	lobby	specific.2!93	\N	{"tab": 93, "device": "phone"}	\N
237	2026-03-04 21:05:00+00	2026-03-04 22:28:21+00	826	94	2026-03-04 22:28:20+00	00000000-0000-0000-0000-000000000003	2026-03-04	\N	\N	\N	leave	support	specific.0!91	\N	\N	\N
239	2026-03-04 21:26:00+00	2026-03-04 22:49:21+00	826	95	2026-03-04 22:49:20+00	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	prune	Büro 3	specific.1!92	\N	{"reason": "silent"}	\N
240	2026-03-04 22:59:00+00	2026-03-04 22:59:00+00	826	97	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	f	\N	join	support	specific.3!94	\N	["ä", 1.5]	\N
241	2026-03-04 23:33:00+00	2026-03-04 23:33:00+00	826	98	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	f	\N	join	Büro 3	specific.4!95	\N	["ä", 1.5]	\N
243	2026-03-04 23:33:00+00	2026-03-04 23:39:41+00	826	98	2026-03-04 23:39:40+00	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	leave	Büro 3	specific.4!95	\N	\N	\N
244	2026-03-04 22:26:00+00	2026-03-04 23:50:20+00	826	96	2026-03-04 22:26:00+00	00000000-0000-0000-0000-000000000005	2026-03-04	\N	\N	\N	leave	lobby	specific.2!93	\N	\N	\N
245	2026-03-05 00:07:00+00	2026-03-05 00:07:00+00	826	99	\N	00000000-0000-0000-0000-000000000002	2026-03-05	\N	f	\N	join	lobby	specific.5!96	\N	["ä", 1.5]	\N
247	2026-03-04 22:59:00+00	2026-03-05 00:22:21+00	826	97	2026-03-05 00:22:20+00	00000000-0000-0000-0000-000000000002	2026-03-05	\N	\N	\N	leave	support	specific.3!94	\N	\N	\N
248	2026-03-05 01:00:00+00	2026-03-05 01:00:00+00	826	100	\N	00000000-0000-0000-0000-000000000003	2026-03-05	\N	f	\N	join	support	specific.6!97	\N	\N	\N
249	2026-03-05 01:00:00+00	2026-03-05 01:01:20+00	826	100	2026-03-05 01:00:00+00	00000000-0000-0000-0000-000000000003	2026-03-05	\N	\N	\N	leave	support	specific.6!97	\N	\N	\N
251	2026-03-05 00:07:00+00	2026-03-05 01:30:21+00	826	99	2026-03-05 01:30:20+00	00000000-0000-0000-0000-000000000002	2026-03-05	\N	\N	\N	leave	lobby	specific.5!96	\N	\N	\N
252	2026-03-05 01:46:00+00	2026-03-05 01:46:00+00	826	101	\N	00000000-0000-0000-0000-000000000002	2026-03-05	\N	f	\N	join	Büro 3	specific.0!98	\N	\N	\N
253	2026-03-05 02:14:00+00	2026-03-05 02:14:00+00	826	102	\N	00000000-0000-0000-0000-000000000003	2026-03-05	\N	f	\N	join	lobby	specific.1!99	\N	["ä", 1.5]	\N
255	2026-03-05 02:14:00+00	2026-03-05 02:20:41+00	826	102	2026-03-05 02:20:40+00	00000000-0000-0000-0000-000000000003	2026-03-05	\N	\N	\N	leave	lobby	specific.1!99	\N	\N	\N
256	2026-03-05 02:43:00+00	2026-03-05 02:43:00+00	826	103	\N	\N	2026-03-05	\N	f	\N	join	support	specific.2!100	\N	["ä", 1.5]	\N
258	2026-03-05 01:46:00+00	2026-03-05 03:10:20+00	826	101	2026-03-05 03:09:20+00	00000000-0000-0000-0000-000000000002	2026-03-05	\N	\N	\N	prune	Büro 3	specific.0!98	\N	{"reason": "silent"}	\N
259	2026-03-05 03:34:00+00	2026-03-05 03:34:00+00	826	104	\N	00000000-0000-0000-0000-000000000005	2026-03-05	\N	f	\N	join	Büro 3	specific.3!101	\N	{"tab": 101, "device": "phone"}	\N
260	2026-03-05 03:34:00+00	2026-03-05 03:34:21+00	826	104	2026-03-05 03:34:00+00	00000000-0000-0000-0000-000000000005	2026-03-05	\N	\N	\N	prune	Büro 3	specific.3!101	\N	{"reason": "silent"}	\N
261	2026-03-05 02:43:00+00	2026-03-05 04:07:20+00	826	103	2026-03-05 02:43:00+00	\N	2026-03-05	\N	\N	\N	leave	support	specific.2!100	\N	\N	\N
262	2026-03-05 04:20:00+00	2026-03-05 04:20:00+00	826	105	\N	00000000-0000-0000-0000-000000000002	2026-03-05	\N	f	\N	join	lobby	specific.4!102	\N	\N	\N
263	2026-03-05 05:08:00+00	2026-03-05 05:08:00+00	826	106	\N	\N	2026-03-05	\N	f	\N	join	support	specific.5!103	\N	["ä", 1.5]	\N
265	2026-03-05 05:08:00+00	2026-03-05 05:15:40+00	826	106	2026-03-05 05:14:40+00	\N	2026-03-05	\N	\N	\N	prune	support	specific.5!103	\N	{"reason": "silent"}	\N
266	2026-03-05 05:37:00+00	2026-03-05 05:37:00+00	826	107	\N	00000000-0000-0000-0000-000000000002	2026-03-05	\N	f	\N	join	Büro 3	specific.6!104	\N	["ä", 1.5]	\N
267	2026-03-05 04:20:00+00	2026-03-05 05:43:21+00	826	105	2026-03-05 04:20:00+00	00000000-0000-0000-0000-000000000002	2026-03-05	\N	\N	\N	prune	lobby	specific.4!102	\N	{"reason": "silent"}	\N
268	2026-03-05 06:23:00+00	2026-03-05 06:23:00+00	826	108	\N	00000000-0000-0000-0000-000000000003	2026-03-05	\N	f	\N	join	lobby	specific.0!105	\N	{"tab": 105, "device": "phone"}	\N
270	2026-03-05 06:23:00+00	2026-03-05 06:23:21+00	826	108	2026-03-05 06:23:20+00	00000000-0000-0000-0000-000000000003	2026-03-05	\N	\N	\N	leave	lobby	specific.0!105	\N	\N	\N
272	2026-03-05 05:37:00+00	2026-03-05 07:01:20+00	826	107	2026-03-05 07:00:20+00	00000000-0000-0000-0000-000000000002	2026-03-05	\N	\N	\N	prune	Büro 3	specific.6!104	\N	{"reason": "silent"}	\N
273	2026-03-05 07:07:00+00	2026-03-05 07:07:00+00	826	109	\N	00000000-0000-0000-0000-000000000001	2026-03-05	\N	f	\N	join	support	specific.1!106	\N	["ä", 1.5]	\N
274	2026-03-05 07:20:00+00	2026-03-05 07:20:00+00	826	110	\N	00000000-0000-0000-0000-000000000003	2026-03-05	\N	f	\N	join	Büro 3	specific.2!107	\N	\N	\N
275	2026-03-05 08:02:00+00	2026-03-05 08:02:00+00	826	111	\N	00000000-0000-0000-0000-000000000004	2026-03-05	\N	f	\N	join	lobby	specific.3!108	\N	["ä", 1.5]	\N
276	2026-03-05 07:07:00+00	2026-03-05 08:31:20+00	826	109	2026-03-05 07:07:00+00	00000000-0000-0000-0000-000000000001	2026-03-05	\N	\N	\N	leave	support	specific.1!106	\N	\N	\N
278	2026-03-05 07:20:00+00	2026-03-05 08:43:21+00	826	110	2026-03-05 08:43:20+00	00000000-0000-0000-0000-000000000003	2026-03-05	\N	\N	\N	leave	Büro 3	specific.2!107	\N	\N	\N
279	2026-03-05 08:48:00+00	2026-03-05 08:48:00+00	826	112	\N	00000000-0000-0000-0000-000000000001	2026-03-05	\N	f	\N	join	support	specific.4!109	\N	{"tab": 109, "device": "phone"}	\N
281	2026-03-05 08:48:00+00	2026-03-05 08:54:41+00	826	112	2026-03-05 08:54:40+00	00000000-0000-0000-0000-000000000001	2026-03-05	\N	\N	\N	leave	support	specific.4!109	\N	\N	\N
282	2026-03-05 08:02:00+00	2026-03-05 09:26:20+00	826	111	2026-03-05 08:02:00+00	00000000-0000-0000-0000-000000000004	2026-03-05	\N	\N	\N	leave	lobby	specific.3!108	\N	\N	\N
283	2026-03-05 09:29:00+00	2026-03-05 09:29:00+00	826	113	\N	00000000-0000-0000-0000-000000000005	2026-03-05	\N	f	\N	join	Büro 3	specific.5!110	\N	\N	\N
285	2026-03-05 09:29:00+00	2026-03-05 09:35:41+00	826	113	2026-03-05 09:35:40+00	00000000-0000-0000-0000-000000000005	2026-03-05	\N	\N	\N	prune	Büro 3	specific.5!110	\N	{"reason": "silent"}	\N
286	2026-03-05 10:03:00+00	2026-03-05 10:03:00+00	826	114	\N	00000000-0000-0000-0000-000000000003	2026-03-05	\N	f	\N	join	lobby	specific.6!111	\N	\N	\N
287	2026-03-05 10:03:00+00	2026-03-05 10:03:21+00	826	114	2026-03-05 10:03:00+00	00000000-0000-0000-0000-000000000003	2026-03-05	\N	\N	\N	leave	lobby	specific.6!111	\N	\N	\N
288	2026-03-05 10:41:00+00	2026-03-05 10:41:00+00	826	115	\N	00000000-0000-0000-0000-000000000001	2026-03-05	\N	f	\N	join	support	specific.0!112	\N	["ä", 1.5]	\N
289	2026-03-05 11:36:00+00	2026-03-05 11:36:00+00	826	116	\N	00000000-0000-0000-0000-000000000004	2026-03-05	\N	f	\N	join	Büro 3	specific.1!113	\N	["ä", 1.5]	\N
291	2026-03-05 10:41:00+00	2026-03-05 12:04:21+00	826	115	2026-03-05 12:04:20+00	00000000-0000-0000-0000-000000000001	2026-03-05	\N	\N	\N	prune	support	specific.0!112	\N	{"reason": "silent"}	\N
292	2026-03-05 12:26:00+00	2026-03-05 12:26:00+00	826	117	\N	00000000-0000-0000-0000-000000000005	2026-03-05	\N	f	\N	join	lobby	specific.2!114	\N	\N	\N
293	2026-03-05 12:26:00+00	2026-03-05 12:32:41+00	826	117	2026-03-05 12:26:00+00	00000000-0000-0000-0000-000000000005	2026-03-05	\N	\N	\N	prune	lobby	specific.2!114	\N	{"reason": "silent"}	\N
294	2026-03-05 12:52:00+00	2026-03-05 12:52:00+00	826	118	\N	00000000-0000-0000-0000-000000000003	2026-03-05	\N	f	\N	join	support	specific.3!115	\N	\N	\N
296	2026-03-05 11:36:00+00	2026-03-05 13:00:20+00	826	116	2026-03-05 12:59:20+00	00000000-0000-0000-0000-000000000004	2026-03-05	\N	\N	\N	leave	Büro 3	specific.1!113	\N	\N	\N
297	2026-03-05 13:27:00+00	2026-03-05 13:27:00+00	826	119	\N	00000000-0000-0000-0000-000000000004	2026-03-05	\N	f	\N	join	Büro 3	specific.4!116	\N	\N	\N
299	2026-03-05 14:14:00+00	2026-03-05 14:14:00+00	826	120	\N	00000000-0000-0000-0000-000000000003	2026-03-05	\N	f	\N	join	lobby	specific.5!117	\N	\N	\N
300	2026-03-05 14:42:00+00	2026-03-05 14:42:00+00	826	121	\N	\N	2026-03-05	\N	f	\N	join	support	specific.6!118	\N	{"tab": 118, "device": "phone"}	\N
302	2026-03-05 15:48:00+00	2026-03-05 15:48:00+00	826	122	\N	00000000-0000-0000-0000-000000000002	2026-03-05	\N	f	\N	join	Büro 3	specific.0!119	\N	{"tab": 119, "device": "phone"}	\N
305	2026-11-30 23:23:15.795392+00	2026-11-30 23:23:15.798426+00	833	\N	2026-11-30 23:23:15.795392+00	\N	2026-11-30	\N	\N	\N	prune		\N	server 2	\N	\N
306	2026-11-30 23:23:15.799791+00	2026-11-30 23:23:15.799791+00	834	123	\N	\N	2026-11-30	\N	f	\N	join	lobby	claimed	server 1	\N	\N
308	2026-11-30 23:23:15.809276+00	2026-11-30 23:23:15.809276+00	836	124	\N	\N	2026-11-30	\N	t	\N	join	lobby	leased	server 1	\N	\N
309	2026-11-30 23:23:15.813502+00	2026-11-30 23:23:15.813502+00	838	125	\N	00000000-0000-0000-0000-000000000001	2026-11-30	\N	f	\N	join	lobby	last	\N	{"device": "desk"}	\N
311	2026-11-30 23:23:15.81834+00	2026-11-30 23:23:15.81834+00	840	126	\N	\N	2026-11-30	\N	f	\N	join	support	gone	\N	\N	\N
312	2026-11-30 23:23:15.81834+00	2026-11-30 23:23:15.820103+00	841	126	2026-11-30 23:23:15.81834+00	\N	2026-11-30	\N	\N	\N	leave	support	gone	\N	\N	\N
\.


--
-- Data for Name: presence_event_touches_first; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_event_touches_first (id, since, at, tx, session, last_seen, user_id, day, capacity, is_leased, is_exclusive, kind, room, channel_name, process, data, commitment) FROM stdin;
8	2026-03-02 09:20:00+00	2026-03-02 09:26:40+00	826	5	\N	\N	2026-03-02	\N	\N	\N	touch	Büro 3	specific.2!2	\N	\N	\N
15	2026-03-02 10:40:00+00	2026-03-02 12:03:20+00	826	7	\N	00000000-0000-0000-0000-000000000003	2026-03-02	\N	\N	\N	touch	support	specific.4!4	\N	\N	\N
24	2026-03-02 13:06:00+00	2026-03-02 14:29:20+00	826	10	\N	\N	2026-03-02	\N	\N	\N	touch	support	specific.0!7	\N	\N	\N
29	2026-03-02 14:47:00+00	2026-03-02 16:10:20+00	826	13	\N	00000000-0000-0000-0000-000000000003	2026-03-02	\N	\N	\N	touch	support	specific.3!10	\N	\N	\N
36	2026-03-02 17:36:00+00	2026-03-02 17:36:20+00	826	17	\N	00000000-0000-0000-0000-000000000001	2026-03-02	\N	\N	\N	touch	Büro 3	specific.0!14	\N	\N	\N
38	2026-03-02 16:21:00+00	2026-03-02 17:44:20+00	826	15	\N	00000000-0000-0000-0000-000000000001	2026-03-02	\N	\N	\N	touch	lobby	specific.5!12	\N	\N	\N
42	2026-03-02 18:56:00+00	2026-03-02 18:56:20+00	826	19	\N	00000000-0000-0000-0000-000000000004	2026-03-02	\N	\N	\N	touch	support	specific.2!16	\N	\N	\N
44	2026-03-02 18:11:00+00	2026-03-02 19:34:20+00	826	18	\N	00000000-0000-0000-0000-000000000002	2026-03-02	\N	\N	\N	touch	lobby	specific.1!15	\N	\N	\N
47	2026-03-02 19:35:00+00	2026-03-02 19:41:40+00	826	20	\N	00000000-0000-0000-0000-000000000001	2026-03-02	\N	\N	\N	touch	Büro 3	specific.3!17	\N	\N	\N
50	2026-03-02 20:13:00+00	2026-03-02 20:19:40+00	826	21	\N	00000000-0000-0000-0000-000000000004	2026-03-02	\N	\N	\N	touch	lobby	specific.4!18	\N	\N	\N
57	2026-03-02 22:14:00+00	2026-03-02 22:14:20+00	826	24	\N	00000000-0000-0000-0000-000000000002	2026-03-02	\N	\N	\N	touch	lobby	specific.0!21	\N	\N	\N
63	2026-03-03 00:22:00+00	2026-03-03 00:28:40+00	826	27	\N	\N	2026-03-03	\N	\N	\N	touch	lobby	specific.3!24	\N	\N	\N
66	2026-03-02 23:28:00+00	2026-03-03 00:51:20+00	826	26	\N	00000000-0000-0000-0000-000000000005	2026-03-03	\N	\N	\N	touch	Büro 3	specific.2!23	\N	\N	\N
68	2026-03-03 00:50:00+00	2026-03-03 00:56:40+00	826	28	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	touch	support	specific.4!25	\N	\N	\N
73	2026-03-03 02:12:00+00	2026-03-03 02:12:20+00	826	30	\N	00000000-0000-0000-0000-000000000001	2026-03-03	\N	\N	\N	touch	lobby	specific.6!27	\N	\N	\N
78	2026-03-03 03:40:00+00	2026-03-03 03:40:20+00	826	32	\N	00000000-0000-0000-0000-000000000004	2026-03-03	\N	\N	\N	touch	Büro 3	specific.1!29	\N	\N	\N
81	2026-03-03 04:23:00+00	2026-03-03 04:29:40+00	826	33	\N	00000000-0000-0000-0000-000000000001	2026-03-03	\N	\N	\N	touch	lobby	specific.2!30	\N	\N	\N
84	2026-03-03 05:07:00+00	2026-03-03 05:07:20+00	826	34	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	touch	support	specific.3!31	\N	\N	\N
87	2026-03-03 05:28:00+00	2026-03-03 05:28:20+00	826	35	\N	\N	2026-03-03	\N	\N	\N	touch	Büro 3	specific.4!32	\N	\N	\N
91	2026-03-03 06:43:00+00	2026-03-03 06:43:20+00	826	37	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	touch	support	specific.6!34	\N	\N	\N
94	2026-03-03 07:41:00+00	2026-03-03 07:47:40+00	826	38	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	touch	Büro 3	specific.0!35	\N	\N	\N
101	2026-03-03 09:41:00+00	2026-03-03 09:41:20+00	826	41	\N	00000000-0000-0000-0000-000000000004	2026-03-03	\N	\N	\N	touch	Büro 3	specific.3!38	\N	\N	\N
110	2026-03-03 12:17:00+00	2026-03-03 12:17:20+00	826	45	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	touch	lobby	specific.0!42	\N	\N	\N
112	2026-03-03 11:09:00+00	2026-03-03 12:32:20+00	826	43	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	touch	support	specific.5!40	\N	\N	\N
117	2026-03-03 13:37:00+00	2026-03-03 13:37:20+00	826	47	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	touch	Büro 3	specific.2!44	\N	\N	\N
126	2026-03-03 16:14:00+00	2026-03-03 16:14:20+00	826	51	\N	00000000-0000-0000-0000-000000000001	2026-03-03	\N	\N	\N	touch	lobby	specific.6!48	\N	\N	\N
132	2026-03-03 17:05:00+00	2026-03-03 18:28:20+00	826	52	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	touch	support	specific.0!49	\N	\N	\N
135	2026-03-03 18:42:00+00	2026-03-03 18:48:40+00	826	55	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	touch	support	specific.3!52	\N	\N	\N
138	2026-03-03 18:23:00+00	2026-03-03 19:46:20+00	826	54	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	touch	lobby	specific.2!51	\N	\N	\N
142	2026-03-03 19:45:00+00	2026-03-03 21:08:20+00	826	56	\N	00000000-0000-0000-0000-000000000004	2026-03-03	\N	\N	\N	touch	Büro 3	specific.4!53	\N	\N	\N
144	2026-03-03 21:06:00+00	2026-03-03 21:12:40+00	826	58	\N	00000000-0000-0000-0000-000000000003	2026-03-03	\N	\N	\N	touch	support	specific.6!55	\N	\N	\N
146	2026-03-03 20:05:00+00	2026-03-03 21:28:20+00	826	57	\N	00000000-0000-0000-0000-000000000001	2026-03-03	\N	\N	\N	touch	lobby	specific.5!54	\N	\N	\N
149	2026-03-03 21:32:00+00	2026-03-03 21:38:40+00	826	59	\N	00000000-0000-0000-0000-000000000001	2026-03-03	\N	\N	\N	touch	Büro 3	specific.0!56	\N	\N	\N
156	2026-03-03 23:40:00+00	2026-03-03 23:40:20+00	826	62	\N	00000000-0000-0000-0000-000000000002	2026-03-03	\N	\N	\N	touch	Büro 3	specific.3!59	\N	\N	\N
167	2026-03-04 03:41:00+00	2026-03-04 03:47:40+00	826	68	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	touch	Büro 3	specific.2!65	\N	\N	\N
171	2026-03-04 04:14:00+00	2026-03-04 04:14:20+00	826	69	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	touch	lobby	specific.3!66	\N	\N	\N
173	2026-03-04 02:53:00+00	2026-03-04 04:16:20+00	826	67	\N	00000000-0000-0000-0000-000000000005	2026-03-04	\N	\N	\N	touch	support	specific.1!64	\N	\N	\N
181	2026-03-04 05:31:00+00	2026-03-04 06:54:20+00	826	71	\N	00000000-0000-0000-0000-000000000001	2026-03-04	\N	\N	\N	touch	Büro 3	specific.5!68	\N	\N	\N
185	2026-03-04 07:30:00+00	2026-03-04 07:36:40+00	826	74	\N	00000000-0000-0000-0000-000000000001	2026-03-04	\N	\N	\N	touch	Büro 3	specific.1!71	\N	\N	\N
194	2026-03-04 10:44:00+00	2026-03-04 10:50:40+00	826	79	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	touch	support	specific.6!76	\N	\N	\N
198	2026-03-04 10:22:00+00	2026-03-04 11:45:20+00	826	78	\N	\N	2026-03-04	\N	\N	\N	touch	lobby	specific.5!75	\N	\N	\N
208	2026-03-04 14:29:00+00	2026-03-04 14:35:40+00	826	84	\N	\N	2026-03-04	\N	\N	\N	touch	lobby	specific.4!81	\N	\N	\N
214	2026-03-04 16:05:00+00	2026-03-04 16:11:40+00	826	87	\N	00000000-0000-0000-0000-000000000001	2026-03-04	\N	\N	\N	touch	lobby	specific.0!84	\N	\N	\N
216	2026-03-04 15:34:00+00	2026-03-04 16:57:20+00	826	86	\N	00000000-0000-0000-0000-000000000005	2026-03-04	\N	\N	\N	touch	Büro 3	specific.6!83	\N	\N	\N
219	2026-03-04 17:04:00+00	2026-03-04 17:10:40+00	826	88	\N	00000000-0000-0000-0000-000000000003	2026-03-04	\N	\N	\N	touch	support	specific.1!85	\N	\N	\N
228	2026-03-04 20:03:00+00	2026-03-04 20:09:40+00	826	93	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	touch	lobby	specific.6!90	\N	\N	\N
231	2026-03-04 19:31:00+00	2026-03-04 20:54:20+00	826	92	\N	00000000-0000-0000-0000-000000000003	2026-03-04	\N	\N	\N	touch	Büro 3	specific.5!89	\N	\N	\N
236	2026-03-04 21:05:00+00	2026-03-04 22:28:20+00	826	94	\N	00000000-0000-0000-0000-000000000003	2026-03-04	\N	\N	\N	touch	support	specific.0!91	\N	\N	\N
238	2026-03-04 21:26:00+00	2026-03-04 22:49:20+00	826	95	\N	00000000-0000-0000-0000-000000000002	2026-03-04	\N	\N	\N	touch	Büro 3	specific.1!92	\N	\N	\N
242	2026-03-04 23:33:00+00	2026-03-04 23:39:40+00	826	98	\N	00000000-0000-0000-0000-000000000004	2026-03-04	\N	\N	\N	touch	Büro 3	specific.4!95	\N	\N	\N
246	2026-03-04 22:59:00+00	2026-03-05 00:22:20+00	826	97	\N	00000000-0000-0000-0000-000000000002	2026-03-05	\N	\N	\N	touch	support	specific.3!94	\N	\N	\N
250	2026-03-05 00:07:00+00	2026-03-05 01:30:20+00	826	99	\N	00000000-0000-0000-0000-000000000002	2026-03-05	\N	\N	\N	touch	lobby	specific.5!96	\N	\N	\N
254	2026-03-05 02:14:00+00	2026-03-05 02:20:40+00	826	102	\N	00000000-0000-0000-0000-000000000003	2026-03-05	\N	\N	\N	touch	lobby	specific.1!99	\N	\N	\N
257	2026-03-05 01:46:00+00	2026-03-05 03:09:20+00	826	101	\N	00000000-0000-0000-0000-000000000002	2026-03-05	\N	\N	\N	touch	Büro 3	specific.0!98	\N	\N	\N
264	2026-03-05 05:08:00+00	2026-03-05 05:14:40+00	826	106	\N	\N	2026-03-05	\N	\N	\N	touch	support	specific.5!103	\N	\N	\N
269	2026-03-05 06:23:00+00	2026-03-05 06:23:20+00	826	108	\N	00000000-0000-0000-0000-000000000003	2026-03-05	\N	\N	\N	touch	lobby	specific.0!105	\N	\N	\N
271	2026-03-05 05:37:00+00	2026-03-05 07:00:20+00	826	107	\N	00000000-0000-0000-0000-000000000002	2026-03-05	\N	\N	\N	touch	Büro 3	specific.6!104	\N	\N	\N
277	2026-03-05 07:20:00+00	2026-03-05 08:43:20+00	826	110	\N	00000000-0000-0000-0000-000000000003	2026-03-05	\N	\N	\N	touch	Büro 3	specific.2!107	\N	\N	\N
280	2026-03-05 08:48:00+00	2026-03-05 08:54:40+00	826	112	\N	00000000-0000-0000-0000-000000000001	2026-03-05	\N	\N	\N	touch	support	specific.4!109	\N	\N	\N
284	2026-03-05 09:29:00+00	2026-03-05 09:35:40+00	826	113	\N	00000000-0000-0000-0000-000000000005	2026-03-05	\N	\N	\N	touch	Büro 3	specific.5!110	\N	\N	\N
290	2026-03-05 10:41:00+00	2026-03-05 12:04:20+00	826	115	\N	00000000-0000-0000-0000-000000000001	2026-03-05	\N	\N	\N	touch	support	specific.0!112	\N	\N	\N
295	2026-03-05 11:36:00+00	2026-03-05 12:59:20+00	826	116	\N	00000000-0000-0000-0000-000000000004	2026-03-05	\N	\N	\N	touch	Büro 3	specific.1!113	\N	\N	\N
298	2026-03-05 13:27:00+00	2026-03-05 13:33:40+00	826	119	\N	00000000-0000-0000-0000-000000000004	2026-03-05	\N	\N	\N	touch	Büro 3	specific.4!116	\N	\N	\N
301	2026-03-05 14:42:00+00	2026-03-05 14:42:20+00	826	121	\N	\N	2026-03-05	\N	\N	\N	touch	support	specific.6!118	\N	\N	\N
303	2026-11-30 23:23:15.793337+00	2026-11-30 23:23:15.793337+00	831	\N	\N	\N	2026-11-30	\N	\N	\N	touch		\N	server 1	\N	\N
304	2026-11-30 23:23:15.795392+00	2026-11-30 23:23:15.795392+00	832	\N	\N	\N	2026-11-30	\N	\N	\N	touch		\N	server 2	\N	\N
307	2026-11-30 23:23:15.799791+00	2026-11-30 23:23:15.803184+00	835	123	\N	\N	2026-11-30	\N	t	\N	touch	lobby	claimed	server 1	\N	\N
310	2026-11-30 23:23:15.813502+00	2026-11-30 23:23:15.816753+00	839	125	\N	00000000-0000-0000-0000-000000000001	2026-11-30	\N	\N	\N	touch	lobby	last	\N	{"device": "phone"}	\N
313	2026-11-30 23:23:15.793337+00	2026-11-30 23:23:15.821139+00	842	\N	\N	\N	2026-11-30	\N	\N	\N	touch		\N	server 1	\N	\N
\.


--
-- Data for Name: presence_hold; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_hold (id, name, from_day, placed_at, placed_by, released_at, released_by) FROM stdin;
\.


--
-- Data for Name: presence_leader; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_leader (name, pid, role, key, since) FROM stdin;
projector	1	1	1	2026-11-30 23:23:15.787442+00
\.


--
-- Data for Name: presence_open_stay; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_open_stay (id, joined_at, touched_at, user_id, is_leased, room, channel_name, process, exclusive_room, data) FROM stdin;
118	2026-03-05 12:52:00+00	2026-03-05 12:52:00+00	00000000-0000-0000-0000-000000000003	f	support	specific.3!115	\N	\N	\N
119	2026-03-05 13:27:00+00	2026-03-05 13:33:40+00	00000000-0000-0000-0000-000000000004	f	Büro 3	specific.4!116	\N	\N	\N
120	2026-03-05 14:14:00+00	2026-03-05 14:14:00+00	00000000-0000-0000-0000-000000000003	f	lobby	specific.5!117	\N	\N	\N
121	2026-03-05 14:42:00+00	2026-03-05 14:42:20+00	\N	f	support	specific.6!118	\N	\N	{"tab": 118, "device": "phone"}
122	2026-03-05 15:48:00+00	2026-03-05 15:48:00+00	00000000-0000-0000-0000-000000000002	f	Büro 3	specific.0!119	\N	\N	{"tab": 119, "device": "phone"}
123	2026-11-30 23:23:15.799791+00	2026-11-30 23:23:15.803184+00	\N	t	lobby	claimed	server 1	\N	\N
124	2026-11-30 23:23:15.809276+00	2026-11-30 23:23:15.809276+00	\N	t	lobby	leased	server 1	\N	\N
125	2026-11-30 23:23:15.813502+00	2026-11-30 23:23:15.816753+00	00000000-0000-0000-0000-000000000001	f	lobby	last	\N	\N	{"device": "phone"}
\.


--
-- Data for Name: presence_process; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_process (name, started_at, seen_at) FROM stdin;
server 1	2026-11-30 23:23:15.793337+00	2026-11-30 23:23:15.821139+00
\.


--
-- Data for Name: presence_pseudonym_key; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_pseudonym_key (day, secret) FROM stdin;
\.


--
-- Data for Name: presence_removal; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_removal (id, at, by, operator, segment, part, first_day, end_day, first_id, last_id, first_at, last_at, events, horizon, baseline, archive) FROM stdin;
\.


--
-- Data for Name: presence_report_annotation; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_report_annotation (id, report_id, "row", correction, reason, author, author_name, at) FROM stdin;
\.


--
-- Data for Name: presence_room; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_room (channel_name, created_at) FROM stdin;
lobby	2026-03-02 08:04:00+00
support	2026-03-02 09:04:00+00
Büro 3	2026-03-02 09:20:00+00
\.


--
-- Data for Name: presence_scheduled_report; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_scheduled_report (id, room, title, starts_at, ends_at, expected, announced_at) FROM stdin;
\.


--
-- Data for Name: presence_seal; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_seal (number, up_to, text, marks, signature, public_key) FROM stdin;
\.


--
-- Data for Name: presence_seal_key; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_seal_key (subject, key) FROM stdin;
\.


--
-- Data for Name: presence_seal_timestamp; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_seal_timestamp (number, response) FROM stdin;
\.


--
-- Data for Name: presence_segment; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence_segment (name, part, first_day, end_day, state, events, first_id, last_id, first_at, last_at, first_since) FROM stdin;
presence_event_touches_first	touches	\N	\N	open	\N	\N	\N	\N	\N	\N
presence_event_stays_first	stays	\N	\N	open	\N	\N	\N	\N	\N	\N
\.


--
-- Name: presence_dead_letter_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.presence_dead_letter_id_seq', 1, true);


--
-- Name: presence_erasure_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.presence_erasure_id_seq', 1, false);


--
-- Name: presence_event_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.presence_event_id_seq', 313, true);


--
-- Name: presence_hold_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.presence_hold_id_seq', 1, false);


--
-- Name: presence_open_stay_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.presence_open_stay_id_seq', 126, true);


--
-- Name: presence_removal_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.presence_removal_id_seq', 1, false);


--
-- Name: presence_report_annotation_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.presence_report_annotation_id_seq', 1, false);


--
-- Name: presence_scheduled_report_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.presence_scheduled_report_id_seq', 1, false);


--
-- Name: presence_anchor presence_anchor_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_anchor
    ADD CONSTRAINT presence_anchor_pkey PRIMARY KEY (name);


--
-- Name: presence_attendance_report presence_attendance_report_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_attendance_report
    ADD CONSTRAINT presence_attendance_report_pkey PRIMARY KEY (schedule_id);


--
-- Name: presence_baseline presence_baseline_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_baseline
    ADD CONSTRAINT presence_baseline_pkey PRIMARY KEY (id);


--
-- Name: presence_baseline_process presence_baseline_process_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_baseline_process
    ADD CONSTRAINT presence_baseline_process_pkey PRIMARY KEY (name);


--
-- Name: presence_baseline_room presence_baseline_room_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_baseline_room
    ADD CONSTRAINT presence_baseline_room_pkey PRIMARY KEY (channel_name);


--
-- Name: presence_baseline_stay presence_baseline_stay_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_baseline_stay
    ADD CONSTRAINT presence_baseline_stay_pkey PRIMARY KEY (id);


--
-- Name: presence_checkpoint presence_checkpoint_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_checkpoint
    ADD CONSTRAINT presence_checkpoint_pkey PRIMARY KEY (name);


--
-- Name: presence_dead_letter presence_dead_letter_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_dead_letter
    ADD CONSTRAINT presence_dead_letter_pkey PRIMARY KEY (id);


--
-- Name: presence_erasing presence_erasing_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_erasing
    ADD CONSTRAINT presence_erasing_pkey PRIMARY KEY (person);


--
-- Name: presence_erasing presence_erasing_pseudonym_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_erasing
    ADD CONSTRAINT presence_erasing_pseudonym_key UNIQUE (pseudonym);


--
-- Name: presence_erasure presence_erasure_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_erasure
    ADD CONSTRAINT presence_erasure_pkey PRIMARY KEY (id);


--
-- Name: presence_event_stays_first presence_event_stays_first_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_event_stays_first
    ADD CONSTRAINT presence_event_stays_first_pkey PRIMARY KEY (id);


--
-- Name: presence_event_touches_first presence_event_touches_first_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_event_touches_first
    ADD CONSTRAINT presence_event_touches_first_pkey PRIMARY KEY (id);


--
-- Name: presence_open_stay presence_exclusive; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_open_stay
    ADD CONSTRAINT presence_exclusive UNIQUE (user_id, exclusive_room);


--
-- Name: presence_hold presence_hold_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_hold
    ADD CONSTRAINT presence_hold_pkey PRIMARY KEY (id);


--
-- Name: presence_leader presence_leader_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_leader
    ADD CONSTRAINT presence_leader_pkey PRIMARY KEY (name);


--
-- Name: presence_open_stay presence_open_stay_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_open_stay
    ADD CONSTRAINT presence_open_stay_pkey PRIMARY KEY (id);


--
-- Name: presence_process presence_process_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_process
    ADD CONSTRAINT presence_process_pkey PRIMARY KEY (name);


--
-- Name: presence_pseudonym_key presence_pseudonym_key_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_pseudonym_key
    ADD CONSTRAINT presence_pseudonym_key_pkey PRIMARY KEY (day);


--
-- Name: presence_removal presence_removal_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_removal
    ADD CONSTRAINT presence_removal_pkey PRIMARY KEY (id);


--
-- Name: presence_report_annotation presence_report_annotation_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_report_annotation
    ADD CONSTRAINT presence_report_annotation_pkey PRIMARY KEY (id);


--
-- Name: presence_open_stay presence_room_channel_name; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_open_stay
    ADD CONSTRAINT presence_room_channel_name UNIQUE (room, channel_name);


--
-- Name: presence_room presence_room_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_room
    ADD CONSTRAINT presence_room_pkey PRIMARY KEY (channel_name);


--
-- Name: presence_scheduled_report presence_scheduled_report_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_scheduled_report
    ADD CONSTRAINT presence_scheduled_report_pkey PRIMARY KEY (id);


--
-- Name: presence_seal_key presence_seal_key_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_seal_key
    ADD CONSTRAINT presence_seal_key_pkey PRIMARY KEY (subject);


--
-- Name: presence_seal presence_seal_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_seal
    ADD CONSTRAINT presence_seal_pkey PRIMARY KEY (number);


--
-- Name: presence_seal_timestamp presence_seal_timestamp_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_seal_timestamp
    ADD CONSTRAINT presence_seal_timestamp_pkey PRIMARY KEY (number);


--
-- Name: presence_seal presence_seal_up_to_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_seal
    ADD CONSTRAINT presence_seal_up_to_key UNIQUE (up_to);


--
-- Name: presence_segment presence_segment_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_segment
    ADD CONSTRAINT presence_segment_pkey PRIMARY KEY (name);


--
-- Name: presence_anchor_name_077c9fdd_like; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_anchor_name_077c9fdd_like ON public.presence_anchor USING btree (name text_pattern_ops);


--
-- Name: presence_attendance_rows; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_attendance_rows ON public.presence_attendance_report USING gin (rows jsonb_path_ops);


--
-- Name: presence_baseline_process_name_3cb8d694_like; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_baseline_process_name_3cb8d694_like ON public.presence_baseline_process USING btree (name text_pattern_ops);


--
-- Name: presence_baseline_room_channel_name_44691b40_like; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_baseline_room_channel_name_44691b40_like ON public.presence_baseline_room USING btree (channel_name text_pattern_ops);


--
-- Name: presence_channel_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_channel_name ON public.presence_open_stay USING btree (channel_name);


--
-- Name: presence_checkpoint_name_ecd951e5_like; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_checkpoint_name_ecd951e5_like ON public.presence_checkpoint USING btree (name text_pattern_ops);


--
-- Name: presence_erasing_person_69482782_like; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_erasing_person_69482782_like ON public.presence_erasing USING btree (person text_pattern_ops);


--
-- Name: presence_erasing_pseudonym_5cc83948_like; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_erasing_pseudonym_5cc83948_like ON public.presence_erasing USING btree (pseudonym text_pattern_ops);


--
-- Name: presence_event_process; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_process ON ONLY public.presence_event USING btree (id) WHERE (room = ''::text);


--
-- Name: presence_event_remembered; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_remembered ON ONLY public.presence_event USING btree (session) WHERE ((commitment IS NULL) AND (session < 0) AND ((user_id IS NOT NULL) OR (data IS NOT NULL)));


--
-- Name: presence_event_room; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_room ON ONLY public.presence_event USING btree (room, id) WHERE (NOT (kind = 'touch'::text));


--
-- Name: presence_event_room_stay; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_room_stay ON ONLY public.presence_event USING btree (room, width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (room IS NOT NULL));


--
-- Name: presence_event_stay; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stay ON ONLY public.presence_event USING btree (width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (at >= since));


--
-- Name: presence_event_stays_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_id_idx ON ONLY public.presence_event_stays USING btree (id) WHERE (room = ''::text);


--
-- Name: presence_event_stays_first_process; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_first_process ON public.presence_event_stays_first USING btree (id) WHERE (room = ''::text);


--
-- Name: presence_event_stays_session_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_session_idx ON ONLY public.presence_event_stays USING btree (session) WHERE ((commitment IS NULL) AND (session < 0) AND ((user_id IS NOT NULL) OR (data IS NOT NULL)));


--
-- Name: presence_event_stays_first_remembered; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_first_remembered ON public.presence_event_stays_first USING btree (session) WHERE ((commitment IS NULL) AND (session < 0) AND ((user_id IS NOT NULL) OR (data IS NOT NULL)));


--
-- Name: presence_event_stays_room_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_room_id_idx ON ONLY public.presence_event_stays USING btree (room, id) WHERE (NOT (kind = 'touch'::text));


--
-- Name: presence_event_stays_first_room; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_first_room ON public.presence_event_stays_first USING btree (room, id) WHERE (NOT (kind = 'touch'::text));


--
-- Name: presence_event_stays_room_width_bucket_at_since_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_room_width_bucket_at_since_idx ON ONLY public.presence_event_stays USING btree (room, width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (room IS NOT NULL));


--
-- Name: presence_event_stays_first_room_stay; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_first_room_stay ON public.presence_event_stays_first USING btree (room, width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (room IS NOT NULL));


--
-- Name: presence_event_stays_width_bucket_at_since_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_width_bucket_at_since_idx ON ONLY public.presence_event_stays USING btree (width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (at >= since));


--
-- Name: presence_event_stays_first_stay; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_first_stay ON public.presence_event_stays_first USING btree (width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (at >= since));


--
-- Name: presence_event_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_user ON ONLY public.presence_event USING btree (user_id, id) WHERE ((NOT (kind = 'touch'::text)) AND (user_id IS NOT NULL));


--
-- Name: presence_event_stays_user_id_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_user_id_id_idx ON ONLY public.presence_event_stays USING btree (user_id, id) WHERE ((NOT (kind = 'touch'::text)) AND (user_id IS NOT NULL));


--
-- Name: presence_event_stays_first_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_first_user ON public.presence_event_stays_first USING btree (user_id, id) WHERE ((NOT (kind = 'touch'::text)) AND (user_id IS NOT NULL));


--
-- Name: presence_event_user_stay; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_user_stay ON ONLY public.presence_event USING btree (user_id, width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (user_id IS NOT NULL));


--
-- Name: presence_event_stays_user_id_width_bucket_at_since_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_user_id_width_bucket_at_since_idx ON ONLY public.presence_event_stays USING btree (user_id, width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (user_id IS NOT NULL));


--
-- Name: presence_event_stays_first_user_stay; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_stays_first_user_stay ON public.presence_event_stays_first USING btree (user_id, width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (user_id IS NOT NULL));


--
-- Name: presence_event_touches_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_id_idx ON ONLY public.presence_event_touches USING btree (id) WHERE (room = ''::text);


--
-- Name: presence_event_touches_first_process; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_first_process ON public.presence_event_touches_first USING btree (id) WHERE (room = ''::text);


--
-- Name: presence_event_touches_session_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_session_idx ON ONLY public.presence_event_touches USING btree (session) WHERE ((commitment IS NULL) AND (session < 0) AND ((user_id IS NOT NULL) OR (data IS NOT NULL)));


--
-- Name: presence_event_touches_first_remembered; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_first_remembered ON public.presence_event_touches_first USING btree (session) WHERE ((commitment IS NULL) AND (session < 0) AND ((user_id IS NOT NULL) OR (data IS NOT NULL)));


--
-- Name: presence_event_touches_room_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_room_id_idx ON ONLY public.presence_event_touches USING btree (room, id) WHERE (NOT (kind = 'touch'::text));


--
-- Name: presence_event_touches_first_room; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_first_room ON public.presence_event_touches_first USING btree (room, id) WHERE (NOT (kind = 'touch'::text));


--
-- Name: presence_event_touches_room_width_bucket_at_since_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_room_width_bucket_at_since_idx ON ONLY public.presence_event_touches USING btree (room, width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (room IS NOT NULL));


--
-- Name: presence_event_touches_first_room_stay; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_first_room_stay ON public.presence_event_touches_first USING btree (room, width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (room IS NOT NULL));


--
-- Name: presence_event_touches_width_bucket_at_since_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_width_bucket_at_since_idx ON ONLY public.presence_event_touches USING btree (width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (at >= since));


--
-- Name: presence_event_touches_first_stay; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_first_stay ON public.presence_event_touches_first USING btree (width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (at >= since));


--
-- Name: presence_event_touches_user_id_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_user_id_id_idx ON ONLY public.presence_event_touches USING btree (user_id, id) WHERE ((NOT (kind = 'touch'::text)) AND (user_id IS NOT NULL));


--
-- Name: presence_event_touches_first_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_first_user ON public.presence_event_touches_first USING btree (user_id, id) WHERE ((NOT (kind = 'touch'::text)) AND (user_id IS NOT NULL));


--
-- Name: presence_event_touches_user_id_width_bucket_at_since_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_user_id_width_bucket_at_since_idx ON ONLY public.presence_event_touches USING btree (user_id, width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (user_id IS NOT NULL));


--
-- Name: presence_event_touches_first_user_stay; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_event_touches_first_user_stay ON public.presence_event_touches_first USING btree (user_id, width_bucket(date_part('epoch'::text, (at - since)), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]), at, since) WHERE ((kind = ANY (ARRAY['leave'::text, 'prune'::text])) AND (session IS NOT NULL) AND (user_id IS NOT NULL));


--
-- Name: presence_hold_in_force; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX presence_hold_in_force ON public.presence_hold USING btree (name) WHERE (released_at IS NULL);


--
-- Name: presence_leader_name_aef7e87e_like; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_leader_name_aef7e87e_like ON public.presence_leader USING btree (name text_pattern_ops);


--
-- Name: presence_leased; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_leased ON public.presence_open_stay USING btree (is_leased, process) INCLUDE (id);


--
-- Name: presence_process_name_565f6863_like; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_process_name_565f6863_like ON public.presence_process USING btree (name text_pattern_ops);


--
-- Name: presence_report_annotation_report_id_7db06614; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_report_annotation_report_id_7db06614 ON public.presence_report_annotation USING btree (report_id);


--
-- Name: presence_room_channel_name_0569df1b_like; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_room_channel_name_0569df1b_like ON public.presence_room USING btree (channel_name text_pattern_ops);


--
-- Name: presence_scheduled_report_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_scheduled_report_due ON public.presence_scheduled_report USING btree (ends_at) WHERE (announced_at IS NULL);


--
-- Name: presence_seal_key_subject_2651f74e_like; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX presence_seal_key_subject_2651f74e_like ON public.presence_seal_key USING btree (subject text_pattern_ops);


--
-- Name: presence_event_stays_first_process; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_stays_id_idx ATTACH PARTITION public.presence_event_stays_first_process;


--
-- Name: presence_event_stays_first_remembered; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_stays_session_idx ATTACH PARTITION public.presence_event_stays_first_remembered;


--
-- Name: presence_event_stays_first_room; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_stays_room_id_idx ATTACH PARTITION public.presence_event_stays_first_room;


--
-- Name: presence_event_stays_first_room_stay; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_stays_room_width_bucket_at_since_idx ATTACH PARTITION public.presence_event_stays_first_room_stay;


--
-- Name: presence_event_stays_first_stay; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_stays_width_bucket_at_since_idx ATTACH PARTITION public.presence_event_stays_first_stay;


--
-- Name: presence_event_stays_first_user; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_stays_user_id_id_idx ATTACH PARTITION public.presence_event_stays_first_user;


--
-- Name: presence_event_stays_first_user_stay; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_stays_user_id_width_bucket_at_since_idx ATTACH PARTITION public.presence_event_stays_first_user_stay;


--
-- Name: presence_event_stays_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_process ATTACH PARTITION public.presence_event_stays_id_idx;


--
-- Name: presence_event_stays_room_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_room ATTACH PARTITION public.presence_event_stays_room_id_idx;


--
-- Name: presence_event_stays_room_width_bucket_at_since_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_room_stay ATTACH PARTITION public.presence_event_stays_room_width_bucket_at_since_idx;


--
-- Name: presence_event_stays_session_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_remembered ATTACH PARTITION public.presence_event_stays_session_idx;


--
-- Name: presence_event_stays_user_id_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_user ATTACH PARTITION public.presence_event_stays_user_id_id_idx;


--
-- Name: presence_event_stays_user_id_width_bucket_at_since_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_user_stay ATTACH PARTITION public.presence_event_stays_user_id_width_bucket_at_since_idx;


--
-- Name: presence_event_stays_width_bucket_at_since_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_stay ATTACH PARTITION public.presence_event_stays_width_bucket_at_since_idx;


--
-- Name: presence_event_touches_first_process; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_touches_id_idx ATTACH PARTITION public.presence_event_touches_first_process;


--
-- Name: presence_event_touches_first_remembered; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_touches_session_idx ATTACH PARTITION public.presence_event_touches_first_remembered;


--
-- Name: presence_event_touches_first_room; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_touches_room_id_idx ATTACH PARTITION public.presence_event_touches_first_room;


--
-- Name: presence_event_touches_first_room_stay; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_touches_room_width_bucket_at_since_idx ATTACH PARTITION public.presence_event_touches_first_room_stay;


--
-- Name: presence_event_touches_first_stay; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_touches_width_bucket_at_since_idx ATTACH PARTITION public.presence_event_touches_first_stay;


--
-- Name: presence_event_touches_first_user; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_touches_user_id_id_idx ATTACH PARTITION public.presence_event_touches_first_user;


--
-- Name: presence_event_touches_first_user_stay; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_touches_user_id_width_bucket_at_since_idx ATTACH PARTITION public.presence_event_touches_first_user_stay;


--
-- Name: presence_event_touches_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_process ATTACH PARTITION public.presence_event_touches_id_idx;


--
-- Name: presence_event_touches_room_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_room ATTACH PARTITION public.presence_event_touches_room_id_idx;


--
-- Name: presence_event_touches_room_width_bucket_at_since_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_room_stay ATTACH PARTITION public.presence_event_touches_room_width_bucket_at_since_idx;


--
-- Name: presence_event_touches_session_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_remembered ATTACH PARTITION public.presence_event_touches_session_idx;


--
-- Name: presence_event_touches_user_id_id_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_user ATTACH PARTITION public.presence_event_touches_user_id_id_idx;


--
-- Name: presence_event_touches_user_id_width_bucket_at_since_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_user_stay ATTACH PARTITION public.presence_event_touches_user_id_width_bucket_at_since_idx;


--
-- Name: presence_event_touches_width_bucket_at_since_idx; Type: INDEX ATTACH; Schema: public; Owner: -
--

ALTER INDEX public.presence_event_stay ATTACH PARTITION public.presence_event_touches_width_bucket_at_since_idx;


--
-- Name: presence_event_magnitude; Type: STATISTICS; Schema: public; Owner: -
--

CREATE STATISTICS public.presence_event_magnitude ON width_bucket(date_part('epoch'::text, at - since), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]) FROM public.presence_event;


--
-- Name: presence_event_stays_first_expr_stat; Type: STATISTICS; Schema: public; Owner: -
--

CREATE STATISTICS public.presence_event_stays_first_expr_stat ON width_bucket(date_part('epoch'::text, at - since), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]) FROM public.presence_event_stays_first;


--
-- Name: presence_event_touches_first_expr_stat; Type: STATISTICS; Schema: public; Owner: -
--

CREATE STATISTICS public.presence_event_touches_first_expr_stat ON width_bucket(date_part('epoch'::text, at - since), '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::double precision[]) FROM public.presence_event_touches_first;


--
-- Name: presence_event pgtrigger_append_only_6794e; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_append_only_6794e BEFORE DELETE OR UPDATE OR TRUNCATE ON public.presence_event FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_append_only_6794e();


--
-- Name: TRIGGER pgtrigger_append_only_6794e ON presence_event; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_append_only_6794e ON public.presence_event IS '768360e710f483c6d1fc6c1c20dd743c75565b91';


--
-- Name: presence_event pgtrigger_erased_only_d477e; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_erased_only_d477e BEFORE UPDATE ON public.presence_event FOR EACH ROW EXECUTE FUNCTION public.pgtrigger_erased_only_d477e();


--
-- Name: TRIGGER pgtrigger_erased_only_d477e ON presence_event; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_erased_only_d477e ON public.presence_event IS 'f57741052658139fde053cad073c657888d5fb9f';


--
-- Name: presence_event pgtrigger_fold_72a36; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_fold_72a36 BEFORE INSERT ON public.presence_event FOR EACH ROW EXECUTE FUNCTION public.pgtrigger_fold_72a36();


--
-- Name: TRIGGER pgtrigger_fold_72a36 ON presence_event; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_fold_72a36 ON public.presence_event IS 'c30fea5835becd38b6285087900cde05f861e153';


--
-- Name: presence_seal_key pgtrigger_forgotten_c7c14; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_forgotten_c7c14 BEFORE DELETE ON public.presence_seal_key FOR EACH ROW EXECUTE FUNCTION public.pgtrigger_forgotten_c7c14();


--
-- Name: TRIGGER pgtrigger_forgotten_c7c14 ON presence_seal_key; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_forgotten_c7c14 ON public.presence_seal_key IS 'f1e34d1a94a60c7f2d9462d47f94e3e341b8c863';


--
-- Name: presence_open_stay pgtrigger_names_are_final_400c9; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_names_are_final_400c9 BEFORE UPDATE OF id, room, channel_name ON public.presence_open_stay FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_names_are_final_400c9();


--
-- Name: TRIGGER pgtrigger_names_are_final_400c9 ON presence_open_stay; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_names_are_final_400c9 ON public.presence_open_stay IS '0399e29cc38dfcb9133d8abacb96e074cdb87e75';


--
-- Name: presence_room pgtrigger_names_are_final_66411; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_names_are_final_66411 BEFORE UPDATE OF channel_name ON public.presence_room FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_names_are_final_66411();


--
-- Name: TRIGGER pgtrigger_names_are_final_66411 ON presence_room; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_names_are_final_66411 ON public.presence_room IS '13f2b81524e9263bf62dfd7d74f119b6ab5bbfb9';


--
-- Name: presence_process pgtrigger_names_are_final_b7f96; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_names_are_final_b7f96 BEFORE UPDATE OF name ON public.presence_process FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_names_are_final_b7f96();


--
-- Name: TRIGGER pgtrigger_names_are_final_b7f96 ON presence_process; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_names_are_final_b7f96 ON public.presence_process IS 'ad74bc41b279179fd945c933105d818e649872c0';


--
-- Name: presence_room pgtrigger_never_truncated_4a0ab; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_never_truncated_4a0ab BEFORE TRUNCATE ON public.presence_room FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_never_truncated_4a0ab();


--
-- Name: TRIGGER pgtrigger_never_truncated_4a0ab ON presence_room; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_never_truncated_4a0ab ON public.presence_room IS '405e78ad5df571483407b6670360ab5d701dc1dc';


--
-- Name: presence_open_stay pgtrigger_never_truncated_ea5ea; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_never_truncated_ea5ea BEFORE TRUNCATE ON public.presence_open_stay FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_never_truncated_ea5ea();


--
-- Name: TRIGGER pgtrigger_never_truncated_ea5ea ON presence_open_stay; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_never_truncated_ea5ea ON public.presence_open_stay IS '08033845a4295f45cf53c2a869db3cb9caa20795';


--
-- Name: presence_process pgtrigger_never_truncated_fbea3; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_never_truncated_fbea3 BEFORE TRUNCATE ON public.presence_process FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_never_truncated_fbea3();


--
-- Name: TRIGGER pgtrigger_never_truncated_fbea3 ON presence_process; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_never_truncated_fbea3 ON public.presence_process IS '5461159a91999bc107c2f6ac0b01d82bfbeae252';


--
-- Name: presence_attendance_report pgtrigger_only_erased_5f5aa; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_only_erased_5f5aa BEFORE UPDATE ON public.presence_attendance_report FOR EACH ROW EXECUTE FUNCTION public.pgtrigger_only_erased_5f5aa();


--
-- Name: TRIGGER pgtrigger_only_erased_5f5aa ON presence_attendance_report; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_only_erased_5f5aa ON public.presence_attendance_report IS '8d16310d0ffd09a515103bbd6b6b127aa455626e';


--
-- Name: presence_report_annotation pgtrigger_only_erased_742eb; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_only_erased_742eb BEFORE UPDATE ON public.presence_report_annotation FOR EACH ROW EXECUTE FUNCTION public.pgtrigger_only_erased_742eb();


--
-- Name: TRIGGER pgtrigger_only_erased_742eb ON presence_report_annotation; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_only_erased_742eb ON public.presence_report_annotation IS 'd8110ed45c7c8937dcda2e197f876d62a69513ee';


--
-- Name: presence_hold pgtrigger_permanent_09448; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_permanent_09448 BEFORE DELETE OR TRUNCATE ON public.presence_hold FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_permanent_09448();


--
-- Name: TRIGGER pgtrigger_permanent_09448 ON presence_hold; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_permanent_09448 ON public.presence_hold IS '91e09aacaa354bb9b2778b61e4aab5afd8bd6a57';


--
-- Name: presence_removal pgtrigger_permanent_2926e; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_permanent_2926e BEFORE DELETE OR UPDATE OR TRUNCATE ON public.presence_removal FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_permanent_2926e();


--
-- Name: TRIGGER pgtrigger_permanent_2926e ON presence_removal; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_permanent_2926e ON public.presence_removal IS '945097d9480a8e5a9854ea00522226ecae4de1a4';


--
-- Name: presence_attendance_report pgtrigger_permanent_2a710; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_permanent_2a710 BEFORE DELETE OR TRUNCATE ON public.presence_attendance_report FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_permanent_2a710();


--
-- Name: TRIGGER pgtrigger_permanent_2a710 ON presence_attendance_report; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_permanent_2a710 ON public.presence_attendance_report IS '0c9c84844331c52f34f941dae45f85db106801ee';


--
-- Name: presence_report_annotation pgtrigger_permanent_2e5f2; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_permanent_2e5f2 BEFORE DELETE OR TRUNCATE ON public.presence_report_annotation FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_permanent_2e5f2();


--
-- Name: TRIGGER pgtrigger_permanent_2e5f2 ON presence_report_annotation; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_permanent_2e5f2 ON public.presence_report_annotation IS 'b81672e325c66e60a0207c543cbb84ca8a9b8b72';


--
-- Name: presence_seal_key pgtrigger_permanent_95b7b; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_permanent_95b7b BEFORE UPDATE OR TRUNCATE ON public.presence_seal_key FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_permanent_95b7b();


--
-- Name: TRIGGER pgtrigger_permanent_95b7b ON presence_seal_key; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_permanent_95b7b ON public.presence_seal_key IS '63a9baa541433c94f3045a68e34f40ab2242b7c6';


--
-- Name: presence_seal pgtrigger_permanent_98da1; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_permanent_98da1 BEFORE DELETE OR UPDATE OR TRUNCATE ON public.presence_seal FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_permanent_98da1();


--
-- Name: TRIGGER pgtrigger_permanent_98da1 ON presence_seal; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_permanent_98da1 ON public.presence_seal IS '8a5470d97c5b606f2fc6f7d00846d7e80f92b3b6';


--
-- Name: presence_erasure pgtrigger_permanent_a9542; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_permanent_a9542 BEFORE DELETE OR UPDATE OR TRUNCATE ON public.presence_erasure FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_permanent_a9542();


--
-- Name: TRIGGER pgtrigger_permanent_a9542 ON presence_erasure; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_permanent_a9542 ON public.presence_erasure IS '35b88addfaa57ec97a426e543a64d4bfeccb57e6';


--
-- Name: presence_seal_timestamp pgtrigger_permanent_f4819; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_permanent_f4819 BEFORE DELETE OR UPDATE OR TRUNCATE ON public.presence_seal_timestamp FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_permanent_f4819();


--
-- Name: TRIGGER pgtrigger_permanent_f4819 ON presence_seal_timestamp; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_permanent_f4819 ON public.presence_seal_timestamp IS '6863dec5ae011d12da5590d8c109c65c139e8e56';


--
-- Name: presence_process pgtrigger_projected_only_1a348; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_projected_only_1a348 BEFORE INSERT OR DELETE OR UPDATE ON public.presence_process FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_projected_only_1a348();


--
-- Name: TRIGGER pgtrigger_projected_only_1a348 ON presence_process; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_projected_only_1a348 ON public.presence_process IS '1bb13f427d62dc8f9a9f9c927ce8f564474d8dd5';


--
-- Name: presence_open_stay pgtrigger_projected_only_1a7ae; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_projected_only_1a7ae BEFORE INSERT OR DELETE OR UPDATE ON public.presence_open_stay FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_projected_only_1a7ae();


--
-- Name: TRIGGER pgtrigger_projected_only_1a7ae ON presence_open_stay; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_projected_only_1a7ae ON public.presence_open_stay IS '970a2edaa3a13ddc19af483009a993a8aa72817b';


--
-- Name: presence_room pgtrigger_projected_only_e2ced; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_projected_only_e2ced BEFORE INSERT OR DELETE OR UPDATE ON public.presence_room FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_projected_only_e2ced();


--
-- Name: TRIGGER pgtrigger_projected_only_e2ced ON presence_room; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_projected_only_e2ced ON public.presence_room IS 'fdd03ef454617f889f251b50d453b77c4968e357';


--
-- Name: presence_hold pgtrigger_released_once_c14a0; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_released_once_c14a0 BEFORE UPDATE ON public.presence_hold FOR EACH ROW EXECUTE FUNCTION public.pgtrigger_released_once_c14a0();


--
-- Name: TRIGGER pgtrigger_released_once_c14a0 ON presence_hold; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_released_once_c14a0 ON public.presence_hold IS 'c1ab2c176930f9a5ae2a6abb2d5479c597435b20';


--
-- Name: presence_baseline_process pgtrigger_retention_only_6acc1; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_retention_only_6acc1 BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.presence_baseline_process FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_retention_only_6acc1();


--
-- Name: TRIGGER pgtrigger_retention_only_6acc1 ON presence_baseline_process; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_retention_only_6acc1 ON public.presence_baseline_process IS '0bfe5f2f90f0b2b921cc558649ead06c43270f7c';


--
-- Name: presence_baseline_room pgtrigger_retention_only_85d7b; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_retention_only_85d7b BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.presence_baseline_room FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_retention_only_85d7b();


--
-- Name: TRIGGER pgtrigger_retention_only_85d7b ON presence_baseline_room; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_retention_only_85d7b ON public.presence_baseline_room IS 'c72f82ae91420753ded7c58e983d6fd56d027b85';


--
-- Name: presence_baseline pgtrigger_retention_only_c7270; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_retention_only_c7270 BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.presence_baseline FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_retention_only_c7270();


--
-- Name: TRIGGER pgtrigger_retention_only_c7270 ON presence_baseline; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_retention_only_c7270 ON public.presence_baseline IS 'a0483ebc0417497019e7eccac4c4852f96937a2a';


--
-- Name: presence_baseline_stay pgtrigger_retention_only_d234b; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER pgtrigger_retention_only_d234b BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.presence_baseline_stay FOR EACH STATEMENT EXECUTE FUNCTION public.pgtrigger_retention_only_d234b();


--
-- Name: TRIGGER pgtrigger_retention_only_d234b ON presence_baseline_stay; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TRIGGER pgtrigger_retention_only_d234b ON public.presence_baseline_stay IS 'ff1a744d14c14f1cb409b25a329ea1d715b5c475';


--
-- Name: presence_event_stays presence_segment_guard; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER presence_segment_guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.presence_event_stays FOR EACH STATEMENT EXECUTE FUNCTION public.presence_segment_guard();


--
-- Name: presence_event_stays_first presence_segment_guard; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER presence_segment_guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.presence_event_stays_first FOR EACH STATEMENT EXECUTE FUNCTION public.presence_segment_guard();


--
-- Name: presence_event_touches presence_segment_guard; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER presence_segment_guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.presence_event_touches FOR EACH STATEMENT EXECUTE FUNCTION public.presence_segment_guard();


--
-- Name: presence_event_touches_first presence_segment_guard; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER presence_segment_guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.presence_event_touches_first FOR EACH STATEMENT EXECUTE FUNCTION public.presence_segment_guard();


--
-- Name: presence_attendance_report presence_attendance__schedule_id_50d20f35_fk_presence_; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_attendance_report
    ADD CONSTRAINT presence_attendance__schedule_id_50d20f35_fk_presence_ FOREIGN KEY (schedule_id) REFERENCES public.presence_scheduled_report(id) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: presence_open_stay presence_open_stay_room_615f9d73_fk_presence_room_channel_name; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_open_stay
    ADD CONSTRAINT presence_open_stay_room_615f9d73_fk_presence_room_channel_name FOREIGN KEY (room) REFERENCES public.presence_room(channel_name) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: presence_report_annotation presence_report_anno_report_id_7db06614_fk_presence_; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence_report_annotation
    ADD CONSTRAINT presence_report_anno_report_id_7db06614_fk_presence_ FOREIGN KEY (report_id) REFERENCES public.presence_attendance_report(schedule_id) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: FUNCTION pgtrigger_append_only_6794e(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_append_only_6794e() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_erased_only_d477e(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_erased_only_d477e() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_fold_72a36(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_fold_72a36() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_forgotten_c7c14(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_forgotten_c7c14() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_names_are_final_400c9(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_names_are_final_400c9() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_names_are_final_66411(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_names_are_final_66411() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_names_are_final_b7f96(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_names_are_final_b7f96() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_never_truncated_4a0ab(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_never_truncated_4a0ab() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_never_truncated_ea5ea(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_never_truncated_ea5ea() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_never_truncated_fbea3(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_never_truncated_fbea3() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_only_erased_5f5aa(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_only_erased_5f5aa() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_only_erased_742eb(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_only_erased_742eb() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_permanent_09448(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_permanent_09448() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_permanent_2926e(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_permanent_2926e() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_permanent_2a710(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_permanent_2a710() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_permanent_2e5f2(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_permanent_2e5f2() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_permanent_95b7b(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_permanent_95b7b() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_permanent_98da1(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_permanent_98da1() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_permanent_a9542(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_permanent_a9542() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_permanent_f4819(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_permanent_f4819() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_projected_only_1a348(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_projected_only_1a348() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_projected_only_1a7ae(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_projected_only_1a7ae() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_projected_only_e2ced(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_projected_only_e2ced() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_released_once_c14a0(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_released_once_c14a0() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_retention_only_6acc1(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_retention_only_6acc1() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_retention_only_85d7b(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_retention_only_85d7b() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_retention_only_c7270(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_retention_only_c7270() FROM PUBLIC;


--
-- Name: FUNCTION pgtrigger_retention_only_d234b(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.pgtrigger_retention_only_d234b() FROM PUBLIC;


--
-- Name: FUNCTION presence_begin_erasure(person text, pseudonym text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.presence_begin_erasure(person text, pseudonym text) FROM PUBLIC;


--
-- Name: FUNCTION presence_end_erasure(person text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.presence_end_erasure(person text) FROM PUBLIC;


--
-- Name: FUNCTION presence_erase_events(segment text, person text, up_to bigint, excluded bigint[], mentions bigint[], operator text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.presence_erase_events(segment text, person text, up_to bigint, excluded bigint[], mentions bigint[], operator text) FROM PUBLIC;


--
-- Name: FUNCTION presence_erase_projections(person text, excluded bigint[]); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.presence_erase_projections(person text, excluded bigint[]) FROM PUBLIC;


--
-- Name: FUNCTION presence_forget_pseudonyms(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.presence_forget_pseudonyms() FROM PUBLIC;


--
-- Name: FUNCTION presence_forget_stays(ended_before timestamp with time zone, at_most integer, operator text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.presence_forget_stays(ended_before timestamp with time zone, at_most integer, operator text) FROM PUBLIC;


--
-- Name: FUNCTION presence_pseudonym(key anyelement); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.presence_pseudonym(key anyelement) FROM PUBLIC;


--
-- Name: FUNCTION presence_record_erasure(file text, events bigint, operator text); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.presence_record_erasure(file text, events bigint, operator text) FROM PUBLIC;


--
-- PostgreSQL database dump complete
--


INSERT INTO public.django_migrations (app, name, applied) VALUES
    ('presence_events', '0001_initial', now()),
    ('projections', '0001_initial', now());
