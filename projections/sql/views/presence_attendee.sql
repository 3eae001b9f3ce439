-- The columns of presence_attendance. The view has no rows. It has the type of user keys, and follows when that changes:
-- the result of a function would not.
CREATE VIEW presence_attendee AS
SELECT
    user_id,
    NULL::timestamptz AS first_in,
    NULL::timestamptz AS last_out,
    NULL::timestamptz AS last_seen,
    NULL::interval AS certain,
    NULL::interval AS possible,
    NULL::bigint AS stays,
    NULL::interval AS longest_absence,
    NULL::interval AS late,
    NULL::interval AS left_early,
    NULL::double precision AS percent_certain,
    NULL::double precision AS percent_possible
FROM presence_session
WHERE false
