-- Who was there at a moment. Conditions on the room or the user reach the indexes.
CREATE FUNCTION presence_at(moment timestamptz)
RETURNS SETOF presence_session LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT *
    FROM presence_session AS s
    WHERE presence_check(moment, moment, '1 s')
        AND s.joined_at <= moment
        AND presence_lasts(s.joined_at, s.left_at, s.is_open, moment, moment);
END
