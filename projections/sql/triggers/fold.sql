-- The one fold: applies an event to the projections and lets it into the log only if that changed something.
--
-- The position in the log is drawn last, when the row the event changes is locked: the order of positions is then the
-- order of changes, and a replay in that order gives the same rows. The clock is read under the same lock.
--
-- Whoever waits for a lock has read the clock too early: what was a millisecond or more ago is read again.
DECLARE
    now timestamptz;
    created boolean := false;
    said boolean;
BEGIN
    IF NEW.data = 'null' THEN
        NEW.data := NULL;
    END IF;
    IF NEW.channel_name IS NULL AND NEW.kind IN ('join', 'touch', 'leave') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'not_null_violation',
            MESSAGE = format('a %s needs a channel_name', NEW.kind),
            HINT = 'Only the prune of a room itself has none.';
    END IF;

    CASE NEW.kind
    WHEN 'touch' THEN
        IF NEW.data IS NOT NULL THEN
            -- What is said again is left out: a touch with data is a change.
            SELECT data = NEW.data INTO said FROM presence
            WHERE room = NEW.room AND channel_name = NEW.channel_name
            FOR NO KEY UPDATE;
            IF said THEN
                NEW.data := NULL;
            END IF;
        END IF;
        UPDATE presence
        SET last_seen = greatest(last_seen, clock_timestamp()), data = coalesce(NEW.data, data)
        WHERE room = NEW.room AND channel_name = NEW.channel_name AND (NEW.session IS NULL OR id = NEW.session)
        RETURNING id, user_id, joined_at, last_seen INTO NEW.session, NEW.user_id, NEW.since, NEW.at;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        IF clock_timestamp() - NEW.at > interval '1 ms' THEN
            UPDATE presence SET last_seen = clock_timestamp() WHERE id = NEW.session RETURNING last_seen INTO NEW.at;
        END IF;
        NEW.last_seen := NULL;
        NEW.process := NULL;

    WHEN 'join' THEN
        -- Waits for whoever is ending a stay of this connection, so that the next one begins after it.
        PERFORM FROM presence WHERE room = NEW.room AND channel_name = NEW.channel_name FOR UPDATE;
        IF FOUND THEN
            RETURN NULL;
        END IF;
        -- Waits for whoever is pruning the room, and then makes it anew.
        LOOP
            PERFORM FROM presence_room WHERE channel_name = NEW.room FOR KEY SHARE;
            now := clock_timestamp();
            EXIT WHEN FOUND;
            INSERT INTO presence_room (channel_name, created_at) VALUES (NEW.room, now) ON CONFLICT DO NOTHING;
            created := FOUND;
            EXIT WHEN created;
        END LOOP;
        INSERT INTO presence (id, room, channel_name, user_id, joined_at, last_seen, data, process)
        VALUES (nextval('presence_id_seq'), NEW.room, NEW.channel_name, NEW.user_id, now, now, NEW.data, NEW.process)
        ON CONFLICT (room, channel_name) DO NOTHING
        RETURNING id INTO NEW.session;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        IF clock_timestamp() - now > interval '1 ms' AND NOT created THEN  -- nobody waits in a room just made
            now := clock_timestamp();
            UPDATE presence SET joined_at = now, last_seen = now WHERE id = NEW.session;
        END IF;
        NEW.since := now;
        NEW.last_seen := NULL;
        NEW.at := now;

    WHEN 'leave', 'prune' THEN
        IF NEW.channel_name IS NOT NULL THEN
            DELETE FROM presence
            WHERE room = NEW.room AND channel_name = NEW.channel_name AND (NEW.session IS NULL OR id = NEW.session)
            RETURNING id, user_id, joined_at, last_seen INTO NEW.session, NEW.user_id, NEW.since, NEW.last_seen;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            NEW.at := greatest(clock_timestamp(), NEW.last_seen);
        ELSE
            -- Two statements: the second sees who joined while the first was waiting for the lock.
            PERFORM FROM presence_room WHERE channel_name = NEW.room FOR UPDATE;
            DELETE FROM presence_room AS r
            WHERE r.channel_name = NEW.room AND NOT EXISTS (SELECT FROM presence AS p WHERE p.room = r.channel_name)
            RETURNING created_at INTO NEW.since;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            NEW.session := NULL;
            NEW.user_id := NULL;
            NEW.last_seen := NULL;
            NEW.at := greatest(clock_timestamp(), NEW.since);
        END IF;
        NEW.process := NULL;

    ELSE
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation',
            MESSAGE = format('%L is not a kind of presence event', NEW.kind),
            HINT = 'The kinds are join, touch, leave and prune.';
    END CASE;

    NEW.id := nextval('presence_event_id_seq');
    NEW.tx := pg_current_xact_id();
    RETURN NEW;
END;
