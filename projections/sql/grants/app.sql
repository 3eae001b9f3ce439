-- The rights of a role that reads the projections; the fold writes them. Run it as the owner of the tables:
--   python -c 'from presence_events import sql; print(sql.read("projections", "grants/app"))' | psql -1 -v role=app
-- Pruning locks rows, which requires UPDATE on one column. The guards refuse the update itself.
REVOKE ALL ON presence_room, presence FROM PUBLIC, :"role";
GRANT SELECT, UPDATE (channel_name) ON presence_room, presence TO :"role";
REVOKE ALL ON presence_session FROM PUBLIC, :"role";
GRANT SELECT ON presence_session TO :"role";
-- The worker writes dead letters.
GRANT SELECT, INSERT ON presence_dead_letter TO :"role";
GRANT USAGE ON SEQUENCE presence_dead_letter_id_seq TO :"role";
