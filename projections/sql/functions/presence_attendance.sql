-- Returns who was in a room from start (included) to stop (excluded), or until now if stop is in the future: one row for
-- each user, and one with a NULL user_id for all anonymous connections together. All tabs of a user are merged, and all
-- times are cut to the span.
--
-- first_in, last_out   when the user came and went; last_out is NULL if the user was present at the end
-- last_seen            the last time at which the user was certainly there; NULL if that is not certain at all
-- certain, possible    for how long the user was there, at least and at most
-- stays                how many stays there were
-- longest_absence      the longest time between first_in and last_out without a connection
-- late, left_early     how long after the start the user came, and how long before the end the user went, or NULL
-- percent_...          certain and possible in percent of the span
--
-- A stay is certain until its connection was last seen. A leave without a reason is a sign of life: the connection made
-- it. A leave with a reason was made by others, and a prune ends a connection that is silent.
--
-- A span must have a length, and a finite start.
CREATE FUNCTION presence_attendance(room text, start timestamptz, stop timestamptz)
RETURNS SETOF presence_attendee LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    WITH span AS MATERIALIZED (
        SELECT presence_attendance.start AS start, least(stop, statement_timestamp()) AS until
        WHERE presence_check(
                start, stop, CASE WHEN isfinite(start) AND start <> stop THEN interval '1 s' ELSE interval '0' END
            )
            AND presence_after_horizon(start, presence_horizon('stays'))
    ), found AS (
        SELECT * FROM presence_during(start, stop) AS s WHERE s.room = presence_attendance.room
    )
-- include projections queries/attendance/people
    SELECT * FROM figures;
END
