-- The rights of a role that erases people from final reports. The triggers of the tables admit nothing else. Run it as the
-- owner of the tables:
--   python -c 'from presence_events import sql; print(sql.read("projections", "grants/erasure_of_reports"))' | psql -1 -v role=eraser
-- include presence_events grants/only_the_owner_creates
GRANT SELECT, UPDATE (rows) ON presence_attendance_report TO :"role";
GRANT SELECT, UPDATE (author, author_name) ON presence_report_annotation TO :"role";
GRANT SELECT, UPDATE (expected) ON presence_scheduled_report TO :"role";
