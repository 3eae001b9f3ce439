-- For a role that may append to the log and read it, and nothing else. Run it as the owner of the tables:
--   python -c 'from presence_events import sql; print(sql.read("presence_events", "grants/app"))' | psql -1 -v role=app
-- include presence_events grants/only_the_owner_creates
-- The columns are those of a draft. Only the database sets position, session and times: a given session limits the
-- event to that stay.
REVOKE ALL ON presence_event FROM PUBLIC, :"role";
GRANT
    SELECT,
    INSERT (kind, room, channel_name, user_id, data, session, process, is_leased, capacity, is_exclusive)
ON presence_event TO :"role";
-- include presence_events grants/nothing_on_partitions
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
