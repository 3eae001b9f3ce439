-- For a role that may append to the log and read it, and nothing else. As the owner of the tables:
--   python -c 'from presence_events import sql; print(sql.read("presence_events", "grants/app"))' | psql -1 -v role=app
-- Its columns are what one asks for; position, session and times are the database's to give.
REVOKE ALL ON presence_event FROM PUBLIC, :"role";
GRANT SELECT, INSERT (kind, room, channel_name, user_id, data, session, process) ON presence_event TO :"role";
-- Server processes that keep alive, and those of whom they or run_projector find that they did not.
GRANT SELECT, INSERT, UPDATE, DELETE ON presence_process TO :"role";
-- How far run_projector and other readers of the log have come.
GRANT SELECT, INSERT, UPDATE ON presence_checkpoint TO :"role";
-- Up to where the log is settled, the replay asks before it looks back.
GRANT SELECT ON SEQUENCE presence_event_id_seq TO :"role";
