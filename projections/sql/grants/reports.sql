-- The rights of a role that queries presence and changes nothing. Run it as the owner of the tables:
--   python -c 'from presence_events import sql; print(sql.read("projections", "grants/reports"))' | psql -1 -v role=reports
-- The functions run with the rights of their caller, the view with those of its owner.
GRANT SELECT ON presence_session, presence_event, presence_room, presence TO :"role";
-- For manage.py presence_at.
GRANT SELECT ON SEQUENCE presence_event_id_seq TO :"role";
GRANT EXECUTE ON FUNCTION
    presence_at(timestamptz),
    presence_during(timestamptz, timestamptz),
    presence_occupancy(text, timestamptz, timestamptz, interval),
    presence_check(timestamptz, timestamptz, interval),
    presence_lasts(timestamptz, timestamptz, boolean, timestamptz, timestamptz),
    presence_magnitude(timestamptz, timestamptz)
TO :"role";
