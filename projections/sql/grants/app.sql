-- The rights of a role that reads the projections; the fold writes them. Run it as the owner of the tables:
--   python -c 'from presence_events import sql; print(sql.read("projections", "grants/app"))' | psql -1 -v role=app
-- include presence_events grants/only_the_owner_creates
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
