-- For a role that may append to the log and read it, and nothing else. Run it as the owner of the tables:
--   python -c 'from presence_events import sql; print(sql.read("presence_events", "grants/app"))' | psql -1 -v role=app
-- Functions and operators that another role creates in the schema of the tables, or elsewhere in the search path, could
-- run with the rights of the role that uses them. No other role may create there.
DO $$
DECLARE
    creators pg_catalog.text;
    schema pg_catalog.text;
BEGIN
    SELECT
        pg_catalog.string_agg(DISTINCT
            CASE
                WHEN grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC'
                ELSE grantee::pg_catalog.regrole::pg_catalog.text
            END,
            ', '
        ),
        namespace.oid::pg_catalog.regnamespace::pg_catalog.text
    INTO creators, schema
    FROM pg_catalog.pg_class AS class
    JOIN pg_catalog.pg_namespace AS namespace
        ON namespace.oid OPERATOR(pg_catalog.=) class.relnamespace
        OR namespace.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))
    CROSS JOIN pg_catalog.aclexplode(namespace.nspacl)
    WHERE class.oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass
        AND privilege_type OPERATOR(pg_catalog.=) 'CREATE'
        AND grantee OPERATOR(pg_catalog.<>) namespace.nspowner
        AND (
            grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid
            OR NOT pg_catalog.pg_has_role(grantee, class.relowner, 'USAGE')
        )
    GROUP BY namespace.oid
    LIMIT 1;
    IF creators IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = pg_catalog.concat('roles other than the owner may create in the schema ', schema, ': ', creators),
            HINT = pg_catalog.concat('First run: REVOKE CREATE ON SCHEMA ', schema, ' FROM ', creators);
    END IF;
END
$$;
-- The columns are those of a draft. Only the database sets position, session and times: a given session limits the
-- event to that stay.
REVOKE ALL ON presence_event FROM PUBLIC, :"role";
GRANT
    SELECT,
    INSERT (kind, room, channel_name, user_id, data, session, process, is_leased, capacity, is_exclusive)
ON presence_event TO :"role";
-- Rights on the log are enough for its partitions. With rights on a partition itself, a role could create triggers on it.
DO $$
DECLARE
    rights record;
BEGIN
    FOR rights IN
        SELECT DISTINCT
            class.oid::pg_catalog.regclass AS partition,
            CASE
                WHEN acl.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC'
                ELSE acl.grantee::pg_catalog.regrole::pg_catalog.text
            END AS grantee
        FROM pg_catalog.pg_partition_tree('presence_event') AS tree
        JOIN pg_catalog.pg_class AS class ON class.oid OPERATOR(pg_catalog.=) tree.relid
        LEFT JOIN pg_catalog.pg_attribute AS own ON own.attrelid OPERATOR(pg_catalog.=) class.oid
        CROSS JOIN LATERAL (
            SELECT grantee FROM pg_catalog.aclexplode(class.relacl)
            UNION ALL
            SELECT grantee FROM pg_catalog.aclexplode(own.attacl)
        ) AS acl
        WHERE tree.level OPERATOR(pg_catalog.>) 0 AND acl.grantee OPERATOR(pg_catalog.<>) class.relowner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON %s FROM %s', rights.partition, rights.grantee);
    END LOOP;
END
$$;
-- Only the owner removes segments, and places holds.
REVOKE ALL ON presence_segment, presence_removal, presence_erasure, presence_hold FROM PUBLIC, :"role";
REVOKE ALL ON SEQUENCE presence_removal_id_seq, presence_erasure_id_seq, presence_hold_id_seq FROM PUBLIC, :"role";
GRANT SELECT ON presence_segment, presence_removal, presence_erasure, presence_hold TO :"role";
-- Sealing asks whether an erasure is in progress, and does not see whose.
REVOKE ALL ON presence_erasing FROM PUBLIC, :"role";
GRANT SELECT (begun_at) ON presence_erasing TO :"role";
GRANT EXECUTE ON FUNCTION presence_horizon(text), presence_after_horizon(timestamptz, timestamptz) TO :"role";
-- presence_seal adds seals and keys, and presence_verify reads them. Who may read the keys can open the commitments.
REVOKE ALL ON presence_seal, presence_seal_key, presence_seal_timestamp, presence_anchor FROM PUBLIC, :"role";
GRANT SELECT, INSERT ON presence_seal, presence_seal_key, presence_seal_timestamp TO :"role";
GRANT SELECT, INSERT, UPDATE ON presence_anchor TO :"role";
-- Who may execute presence_pseudonym can ask for the pseudonym that a user has today. The secrets are the owner's alone.
REVOKE ALL ON presence_pseudonym_key FROM PUBLIC, :"role";
REVOKE ALL ON FUNCTION presence_pseudonym(anyelement), presence_forget_pseudonyms() FROM PUBLIC, :"role";
GRANT EXECUTE ON FUNCTION presence_pseudonym(anyelement), presence_forget_pseudonyms() TO :"role";
REVOKE ALL ON presence_checkpoint FROM PUBLIC, :"role";
-- run_projector and other readers store how far they have read the log.
GRANT SELECT, INSERT, UPDATE ON presence_checkpoint TO :"role";
-- The replay and the readers of the log read the last drawn position. Only the fold draws positions.
REVOKE ALL ON SEQUENCE presence_event_id_seq FROM PUBLIC, :"role";
GRANT SELECT ON SEQUENCE presence_event_id_seq TO :"role";
-- The rights of a role that reads the projections; the fold writes them. Run it as the owner of the tables:
--   python -c 'from presence_events import sql; print(sql.read("projections", "grants/app"))' | psql -1 -v role=app
-- Functions and operators that another role creates in the schema of the tables, or elsewhere in the search path, could
-- run with the rights of the role that uses them. No other role may create there.
DO $$
DECLARE
    creators pg_catalog.text;
    schema pg_catalog.text;
BEGIN
    SELECT
        pg_catalog.string_agg(DISTINCT
            CASE
                WHEN grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN 'PUBLIC'
                ELSE grantee::pg_catalog.regrole::pg_catalog.text
            END,
            ', '
        ),
        namespace.oid::pg_catalog.regnamespace::pg_catalog.text
    INTO creators, schema
    FROM pg_catalog.pg_class AS class
    JOIN pg_catalog.pg_namespace AS namespace
        ON namespace.oid OPERATOR(pg_catalog.=) class.relnamespace
        OR namespace.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))
    CROSS JOIN pg_catalog.aclexplode(namespace.nspacl)
    WHERE class.oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass
        AND privilege_type OPERATOR(pg_catalog.=) 'CREATE'
        AND grantee OPERATOR(pg_catalog.<>) namespace.nspowner
        AND (
            grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid
            OR NOT pg_catalog.pg_has_role(grantee, class.relowner, 'USAGE')
        )
    GROUP BY namespace.oid
    LIMIT 1;
    IF creators IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = pg_catalog.concat('roles other than the owner may create in the schema ', schema, ': ', creators),
            HINT = pg_catalog.concat('First run: REVOKE CREATE ON SCHEMA ', schema, ' FROM ', creators);
    END IF;
END
$$;
-- Pruning locks rows, which requires UPDATE on one column. The guards refuse the update itself.
REVOKE ALL ON presence_room, presence_open_stay, presence_process FROM PUBLIC, :"role";
GRANT SELECT, UPDATE (channel_name) ON presence_room, presence_open_stay TO :"role";
GRANT SELECT, UPDATE (name) ON presence_process TO :"role";
-- A replay begins at the baseline. Only the owner moves it.
REVOKE ALL ON
    presence_baseline, presence_baseline_room, presence_baseline_stay, presence_baseline_process
FROM PUBLIC, :"role";
GRANT SELECT ON
    presence_baseline, presence_baseline_room, presence_baseline_stay, presence_baseline_process
TO :"role";
REVOKE ALL ON presence, presence_session, presence_attendee FROM PUBLIC, :"role";
GRANT SELECT ON presence, presence_session TO :"role";
-- The field Presence.last_seen calls it.
GRANT EXECUTE ON FUNCTION last_seen(presence_open_stay) TO :"role";
-- Only the fold draws the numbers of stays.
REVOKE ALL ON SEQUENCE presence_open_stay_id_seq FROM PUBLIC, :"role";
-- run_projector writes who leads. Who may write here may lead.
REVOKE ALL ON presence_leader FROM PUBLIC, :"role";
GRANT SELECT, INSERT, UPDATE ON presence_leader TO :"role";
-- The worker writes dead letters.
REVOKE ALL ON presence_dead_letter FROM PUBLIC, :"role";
REVOKE ALL ON SEQUENCE presence_dead_letter_id_seq FROM PUBLIC, :"role";
GRANT SELECT, INSERT ON presence_dead_letter TO :"role";
GRANT USAGE ON SEQUENCE presence_dead_letter_id_seq TO :"role";
-- Joins, leaves and touches are appended with it, with the rights of the role.
GRANT EXECUTE ON FUNCTION presence_record(
    text[], text[], text[], anyarray, jsonb[], boolean[], text, text
) TO :"role";
-- Pruning asks whether rows of other tables refer to a room or a presence. For the answer it reads those tables.
GRANT EXECUTE ON FUNCTION presence_is_referenced(regclass, name, text) TO :"role";
-- The worker forgets stays without history some time after their end.
GRANT EXECUTE ON FUNCTION presence_forget_stays(timestamptz, integer, text) TO :"role";
-- The application schedules final reports, and the worker makes them. Only a role that erases people changes one.
REVOKE ALL ON presence_scheduled_report, presence_attendance_report, presence_report_annotation FROM PUBLIC, :"role";
REVOKE ALL ON SEQUENCE presence_scheduled_report_id_seq, presence_report_annotation_id_seq FROM PUBLIC, :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON presence_scheduled_report TO :"role";
GRANT SELECT, INSERT ON presence_attendance_report, presence_report_annotation TO :"role";
GRANT USAGE ON SEQUENCE presence_scheduled_report_id_seq, presence_report_annotation_id_seq TO :"role";
