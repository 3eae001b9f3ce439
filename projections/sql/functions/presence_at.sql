-- Returns the stays at a moment. Conditions on the room or the user use the indexes. Raises an error if the moment is before
-- the horizon of stays.
--
-- The WITH prevents PostgreSQL from merging this query into a query that takes the moment from another table. The
-- conditions on time would become join conditions, which cannot use the indexes.
--
-- With a NULL moment, the condition on joined_at would be NULL, and presence_check would not be called. coalesce keeps
-- the condition true, so presence_check raises its error.
CREATE FUNCTION presence_at(moment timestamptz)
RETURNS SETOF presence_session LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    WITH question AS (
        SELECT
            presence_check(moment, moment, '1 s')
            AND presence_after_horizon(moment, presence_horizon('stays')) AS has_answer
    )
    SELECT s.*
    FROM presence_session AS s
    WHERE (SELECT has_answer FROM question)
        AND s.joined_at <= coalesce(moment, 'infinity')
        AND presence_lasts(s.joined_at, s.left_at, s.is_open, moment, moment);
END
