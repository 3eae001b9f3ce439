-- include presence_events functions/presence_horizon
;
-- include presence_events functions/presence_after_horizon
;
-- include projections functions/presence_check
;
-- include projections federation/presence_lasts
;
ALTER EXTENSION postgres_fdw
    ADD FUNCTION presence_lasts(timestamptz, timestamptz, boolean, timestamptz, timestamptz);
-- include projections functions/presence_at
;
-- include projections functions/presence_during
;
-- include projections functions/presence_occupancy
;
-- include projections views/presence_attendee
;
-- include projections functions/presence_attendance
;
COMMIT;
