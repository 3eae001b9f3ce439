-- How full a room was, a row for each step from start to stop, up to now:
--
-- connections, users   how many different ones were there at some time in the step; users without the anonymous
-- peak_...             how many at once, at most
-- average_...          how many at once, on average over the step
--
-- A sweep: +1 where somebody comes, -1 where somebody goes, added up in order of time. People are present as long as one
-- of their connections is. Steps of days and months follow the time zone of the session.
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
    WITH limits AS MATERIALIZED (
        SELECT least(stop, clock_timestamp()) AS stop WHERE presence_check(start, stop, step)
    ), buckets AS MATERIALIZED (
        SELECT
            mark AS start,
            lead(mark, 1, limits.stop) OVER (ORDER BY mark) AS stop,
            row_number() OVER (ORDER BY mark)::int AS number
        FROM limits, generate_series(presence_occupancy.start, limits.stop - interval '1 us', step) AS mark
    ), marks AS MATERIALIZED (
        SELECT array_agg(b.start ORDER BY b.number) AS list FROM buckets AS b
    ), stays AS MATERIALIZED (
        SELECT
            s.channel_name,
            s.user_id,
            tstzrange(greatest(s.joined_at, presence_occupancy.start), least(s.left_at, limits.stop)) AS period
        FROM limits, presence_during(presence_occupancy.start, presence_occupancy.stop) AS s
        WHERE s.room = presence_occupancy.room AND s.joined_at < limits.stop
    ), periods (is_user, who, period) AS MATERIALIZED (
        SELECT false, channel_name, period FROM stays WHERE NOT isempty(period)
        UNION ALL
        SELECT true, user_id::text, unnest(range_agg(period)) FROM stays WHERE user_id IS NOT NULL GROUP BY user_id
    ), changes (is_user, at, change) AS (
        SELECT is_user, lower(period), 1 FROM periods
        UNION ALL
        SELECT is_user, upper(period), -1 FROM periods
        UNION ALL
        SELECT is_user, mark, 0
        FROM (SELECT b.start FROM buckets AS b UNION ALL SELECT l.stop FROM limits AS l) AS border (mark),
            (VALUES (false), (true)) AS each (is_user)
    ), levels AS (
        SELECT
            c.is_user,
            c.at,
            sum(sum(c.change)) OVER (PARTITION BY c.is_user ORDER BY c.at) AS present,
            lead(c.at) OVER (PARTITION BY c.is_user ORDER BY c.at) - c.at AS lasts,
            width_bucket(c.at, (SELECT list FROM marks)) AS number
        FROM changes AS c
        GROUP BY c.is_user, c.at
    ), measured AS (
        SELECT
            l.is_user,
            l.number,
            max(l.present) AS peak,
            sum(l.present * date_part('epoch', l.lasts)) / sum(date_part('epoch', l.lasts)) AS average
        FROM levels AS l
        WHERE l.lasts IS NOT NULL
        GROUP BY l.is_user, l.number
    ), visits (is_user, who, numbers) AS (
        SELECT
            p.is_user,
            p.who,
            unnest(range_agg(int4range(
                width_bucket(lower(p.period), (SELECT list FROM marks)),
                width_bucket(upper(p.period) - interval '1 us', (SELECT list FROM marks)),
                '[]'
            )))
        FROM periods AS p
        GROUP BY p.is_user, p.who
    ), arrivals (is_user, number, change) AS (
        SELECT is_user, lower(numbers), 1 FROM visits
        UNION ALL
        SELECT is_user, upper(numbers), -1 FROM visits
        UNION ALL
        SELECT is_user, b.number, 0 FROM buckets AS b, (VALUES (false), (true)) AS each (is_user)
    ), counted AS (
        SELECT
            a.is_user,
            a.number,
            sum(sum(a.change)) OVER (PARTITION BY a.is_user ORDER BY a.number) AS different
        FROM arrivals AS a
        GROUP BY a.is_user, a.number
    )
    SELECT
        b.start,
        (max(c.different) FILTER (WHERE NOT c.is_user))::bigint,
        (max(m.peak) FILTER (WHERE NOT c.is_user))::bigint,
        max(m.average) FILTER (WHERE NOT c.is_user),
        (max(c.different) FILTER (WHERE c.is_user))::bigint,
        (max(m.peak) FILTER (WHERE c.is_user))::bigint,
        max(m.average) FILTER (WHERE c.is_user)
    FROM buckets AS b
    JOIN counted AS c ON c.number = b.number
    JOIN measured AS m ON m.number = b.number AND m.is_user = c.is_user
    GROUP BY b.number, b.start
    ORDER BY b.number;
END
