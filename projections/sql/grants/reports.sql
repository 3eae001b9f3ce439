-- The rights of a role that queries presence and changes nothing. All other rights on the tables and sequences are taken
-- from the role and from PUBLIC, so the role cannot be that of the application. Run it as the owner of the tables:
--   python -c 'from presence_events import sql; print(sql.read("projections", "grants/reports"))' | psql -1 -v role=reports
-- include presence_events grants/only_the_owner_creates
REVOKE ALL ON
    presence_event,
    presence_segment,
    presence_removal,
    presence_erasure,
    presence_erasing,
    presence_hold,
    presence_baseline,
    presence_baseline_room,
    presence_baseline_stay,
    presence_baseline_process,
    presence_process,
    presence_checkpoint,
    presence_seal,
    presence_seal_key,
    presence_seal_timestamp,
    presence_anchor,
    presence_pseudonym_key,
    presence_room,
    presence_open_stay,
    presence,
    presence_session,
    presence_attendee,
    presence_leader,
    presence_dead_letter,
    presence_scheduled_report,
    presence_attendance_report,
    presence_report_annotation
FROM PUBLIC, :"role";
-- include presence_events grants/nothing_on_partitions
REVOKE ALL ON SEQUENCE
    presence_event_id_seq,
    presence_open_stay_id_seq,
    presence_dead_letter_id_seq,
    presence_removal_id_seq,
    presence_erasure_id_seq,
    presence_hold_id_seq,
    presence_scheduled_report_id_seq,
    presence_report_annotation_id_seq
FROM PUBLIC, :"role";
-- The functions run with the rights of their caller, the view with those of its owner.
GRANT SELECT ON
    presence_session,
    presence_event,
    presence_segment,
    presence_removal,
    presence_erasure,
    presence_hold,
    presence_seal,
    presence_baseline,
    presence_baseline_room,
    presence_baseline_stay,
    presence_baseline_process,
    presence_room,
    presence,
    presence_open_stay,
    presence_process
TO :"role";
-- For manage.py presence_at.
GRANT SELECT ON SEQUENCE presence_event_id_seq TO :"role";
GRANT EXECUTE ON FUNCTION
    last_seen(presence_open_stay),
    presence_at(timestamptz),
    presence_during(timestamptz, timestamptz),
    presence_occupancy(text, timestamptz, timestamptz, interval),
    presence_attendance(text, timestamptz, timestamptz),
    presence_check(timestamptz, timestamptz, interval),
    presence_horizon(text),
    presence_after_horizon(timestamptz, timestamptz),
    presence_lasts(timestamptz, timestamptz, boolean, timestamptz, timestamptz),
    presence_magnitude(timestamptz, timestamptz)
TO :"role";
