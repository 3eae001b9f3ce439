-- Returns the stays that overlap the span from start (included) to stop (excluded). If stop is in the future, the result
-- covers the time until now. Raises an error if start is before the horizon of stays. The WITH and the coalesce are
-- explained in presence_at.
CREATE FUNCTION presence_during(start timestamptz, stop timestamptz)
RETURNS SETOF presence_session LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH question AS (
        SELECT
            presence_check(start, stop, '1 s')
            AND presence_after_horizon(start, presence_horizon('stays')) AS has_answer
    )
    SELECT s.*
    FROM presence_session AS s
    WHERE (SELECT has_answer FROM question)
        AND s.joined_at < coalesce(stop, 'infinity')
        AND presence_lasts(s.joined_at, s.left_at, s.is_open, start, stop);
END
