-- How full a room was, a row for each step from start to stop, up to now:
--
-- connections, users   how many different ones were there at some time in the step; users without the anonymous
-- peak_...             how many at once, at most
-- average_...          how many at once, on average over the step
--
-- A sweep: +1 where somebody comes, -1 where somebody goes, added up in order of time. People are present as long as one
-- of their connections is. Different ones are those who were there when the step began, and those who came in it and
-- had not gone in it before. Steps are counted from the start, in the time zone of the session: one that meets a
-- missing hour, or the end of a short month, does not move the ones after it.
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
        -- From -infinity no step leads anywhere.
        WHERE presence_check(start, stop, CASE WHEN isfinite(start) THEN step ELSE interval '0' END)
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
            -- When the user's connections so far will all have gone, and when the next one comes.
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
        -- The connection that came last goes first: the user goes with another.
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
    WHERE l.lasts IS NOT NULL  -- the last row has none after it
    GROUP BY l.number
    ORDER BY l.number;
END
