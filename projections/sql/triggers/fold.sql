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
