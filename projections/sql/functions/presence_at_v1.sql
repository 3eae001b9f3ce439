-- Who was there at a moment. Conditions on the room or the user reach the indexes.
--
-- The WITH keeps PostgreSQL from mixing this query with one that takes the moment from another table: conditions on time
-- would then be those of a join, which do not reach the indexes. A NULL would be no condition under which anything is
-- asked, and so nothing would be checked.
CREATE FUNCTION presence_at(moment timestamptz)
RETURNS SETOF presence_session LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    WITH question AS (SELECT presence_check(moment, moment, '1 s') AS has_answer)
    SELECT s.*
    FROM presence_session AS s
    WHERE (SELECT has_answer FROM question)
        AND s.joined_at <= coalesce(moment, 'infinity')
        AND presence_lasts(s.joined_at, s.left_at, s.is_open, moment, moment);
END
