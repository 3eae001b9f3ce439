-- For a role that may erase persons, beside the rights of grants/app. The functions run with the rights of the owner of the
-- log, and admit nothing but an erasure. Run it as that owner:
--   python -c 'from presence_events import sql; print(sql.read("projections", "grants/erasure"))' | psql -1 -v role=privacy
-- include presence_events grants/only_the_owner_creates
GRANT EXECUTE ON FUNCTION
    presence_begin_erasure(text, text),
    presence_erase_events(text, text, bigint, bigint[], bigint[], text),
    presence_record_erasure(text, bigint, text),
    presence_end_erasure(text),
    presence_erase_projections(text, bigint[])
TO :"role";
-- In final reports, the triggers of the tables admit nothing else.
GRANT SELECT, UPDATE (rows) ON presence_attendance_report TO :"role";
GRANT SELECT, UPDATE (author, author_name) ON presence_report_annotation TO :"role";
GRANT SELECT, UPDATE (expected) ON presence_scheduled_report TO :"role";
