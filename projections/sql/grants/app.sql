-- For a role that may read the projections and leave their writing to the fold. As the owner of the tables:
--   python -c 'from presence_events import sql; print(sql.read("projections", "grants/app"))' | psql -1 -v role=app
-- Pruning locks rows, for which PostgreSQL asks for UPDATE on a column; the guards refuse the update itself.
REVOKE ALL ON presence_room, presence FROM PUBLIC, :"role";
GRANT SELECT, UPDATE (channel_name) ON presence_room, presence TO :"role";
REVOKE ALL ON presence_session FROM PUBLIC, :"role";
GRANT SELECT ON presence_session TO :"role";
-- Signals that a receiver did not take.
GRANT SELECT, INSERT ON presence_dead_letter TO :"role";
GRANT USAGE ON SEQUENCE presence_dead_letter_id_seq TO :"role";
