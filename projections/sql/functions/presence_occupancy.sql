-- Returns how many connections and users were in a room, one row for each step from start to stop, or to now if stop is
-- in the future:
--
-- connections, users   how many different ones were present at some time in the step; anonymous ones are not users
-- peak_...             the largest number at the same time
-- average_...          the average number over the step
--
-- The query is a sweep: it adds +1 for each join and -1 for each end, in order of time. A user is present while at least
-- one connection of that user is. The different ones in a step are those present at its start, plus those that came
-- during the step and had not already gone in it. Each step is computed from the start, in the time zone of the
-- database connection: a missing hour, or the end of a short month, does not move the steps after it.
CREATE FUNCTION presence_occupancy(room text, start timestamptz, stop timestamptz, step interval)
RETURNS TABLE (
    bucket timestamptz,
    connections bigint,
    peak_connections bigint,
    average_connections double precision,
    users bigint,
    peak_users bigint,
    average_users double precision
)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE limits AS MATERIALIZED (
        SELECT least(stop, clock_timestamp()) AS stop
        -- No number of steps leads away from -infinity. A step of 0 makes presence_check refuse it.
        WHERE presence_check(start, stop, CASE WHEN isfinite(start) THEN step ELSE interval '0' END)
            AND presence_after_horizon(start, presence_horizon('stays'))
    ), steps (number, start) AS (
        SELECT 1, presence_occupancy.start FROM limits AS l WHERE presence_occupancy.start < l.stop
        UNION ALL
        SELECT s.number + 1, presence_occupancy.start + s.number * step
        FROM steps AS s, limits AS l
        WHERE presence_occupancy.start + s.number * step < l.stop
    ), marks AS MATERIALIZED (
        SELECT array_agg(s.start ORDER BY s.start) AS list FROM steps AS s
    ), stays AS (
        SELECT
            s.user_id,
            part.began,
            part.ended,
            lag(part.ended) OVER (PARTITION BY s.channel_name ORDER BY part.began) AS ended_before
        FROM limits AS l,
            presence_during(presence_occupancy.start, presence_occupancy.stop) AS s,
            LATERAL (
                SELECT greatest(s.joined_at, presence_occupancy.start), least(s.left_at, l.stop)
            ) AS part (began, ended)
        WHERE s.room = presence_occupancy.room AND part.began < part.ended
    ), visits AS MATERIALIZED (
        SELECT
            s.began,
            s.ended,
            s.ended_before,
            s.user_id IS NOT NULL AS is_user,
            -- When the last of the user's earlier connections ends, and when the next connection joins.
            max(s.ended) OVER w AS away_since,
            lead(s.began) OVER w AS back_at
        FROM stays AS s
        WINDOW w AS (PARTITION BY s.user_id ORDER BY s.began ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), changes (at, change, connections, users, number, number_before, user_number_before) AS (
        SELECT
            v.began,
            1,
            1,
            (v.is_user AND (v.away_since < v.began) IS NOT FALSE)::int,
            width_bucket(v.began, m.list),
            width_bucket(v.ended_before - interval '1 us', m.list),
            width_bucket(v.away_since - interval '1 us', m.list)
        FROM visits AS v, marks AS m
        UNION ALL
        SELECT
            v.ended,
            -1,
            -1,
            -(v.is_user AND (v.away_since > v.ended) IS NOT TRUE AND (v.back_at > v.ended) IS NOT FALSE)::int,
            width_bucket(v.ended, m.list),
            NULL,
            NULL
        FROM visits AS v, marks AS m
        UNION ALL
        -- A connection that ends before an earlier one of its user does: the user goes when the earlier one ends.
        SELECT v.away_since, -1, 0, -1, width_bucket(v.away_since, m.list), NULL, NULL
        FROM visits AS v, marks AS m
        WHERE v.is_user AND v.away_since > v.ended AND (v.back_at > v.away_since) IS NOT FALSE
        UNION ALL
        SELECT s.start, 0, 0, 0, width_bucket(s.start, m.list), NULL, NULL FROM steps AS s, marks AS m
        UNION ALL
        SELECT l.stop, 0, 0, 0, NULL, NULL, NULL FROM limits AS l
    ), levels AS (
        SELECT
            c.number,
            c.at,
            c.change,
            sum(c.connections) OVER w AS connections,
            sum(c.users) OVER w AS users,
            (1000000 * date_part('epoch', lead(c.at) OVER w - c.at))::bigint AS lasts,
            (c.connections > 0 AND (c.number_before >= c.number) IS NOT TRUE)::int AS new_connections,
            (c.users > 0 AND (c.user_number_before >= c.number) IS NOT TRUE)::int AS new_users
        FROM changes AS c
        WINDOW w AS (ORDER BY c.at, c.change ROWS UNBOUNDED PRECEDING)
    )
    SELECT
        min(l.at),
        max(l.connections) FILTER (WHERE l.change = 0) + sum(l.new_connections),
        max(l.connections) FILTER (WHERE l.lasts > 0),
        (sum(l.connections * l.lasts) / sum(l.lasts))::float8,
        max(l.users) FILTER (WHERE l.change = 0) + sum(l.new_users),
        max(l.users) FILTER (WHERE l.lasts > 0),
        (sum(l.users * l.lasts) / sum(l.lasts))::float8
    FROM levels AS l
    WHERE l.lasts IS NOT NULL  -- the last row has no next row
    GROUP BY l.number
    ORDER BY l.number;
END
