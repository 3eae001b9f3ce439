-- Sets up a reporting database that reads presence from several clusters: manage.py presence_federation printed this.
-- Run it in an empty database, as a superuser, and again after an upgrade or a change of the clusters:
--   python manage.py presence_federation | psql reporting
-- The password for a cluster is read from the environment variable that its part names, if that is set.
\set ON_ERROR_STOP on
\set QUIET on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SCHEMA IF NOT EXISTS {schema};
-- What the clusters are asked to call has the same schema there.
SET LOCAL search_path = {schema};
DO $$
DECLARE
    lasts CONSTANT text = 'presence_lasts(timestamptz, timestamptz, boolean, timestamptz, timestamptz)';
BEGIN
    IF EXISTS (
        SELECT FROM pg_depend
        WHERE classid = 'pg_proc'::regclass AND objid = to_regprocedure(lasts) AND deptype = 'e'
    ) THEN
        EXECUTE format('ALTER EXTENSION postgres_fdw DROP FUNCTION %s', lasts);
    END IF;
END;
$$;
DROP FUNCTION IF EXISTS
    presence_attendance(text, timestamptz, timestamptz),
    presence_occupancy(text, timestamptz, timestamptz, interval),
    presence_during(timestamptz, timestamptz),
    presence_at(timestamptz),
    presence_lasts(timestamptz, timestamptz, boolean, timestamptz, timestamptz),
    presence_check(timestamptz, timestamptz, interval),
    presence_after_horizon(timestamptz, timestamptz),
    presence_horizon(text);
-- In a database with tables of presence, this fails and changes nothing.
DROP VIEW IF EXISTS
    presence_attendee,
    presence_session,
    presence_event,
    presence,
    presence_open_stay,
    presence_room,
    presence_process,
    presence_segment;
