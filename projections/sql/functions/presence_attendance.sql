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
-- The first condition is explained in presence_at. The span must have a length, and a finite start.
CREATE FUNCTION presence_attendance(room text, start timestamptz, stop timestamptz)
RETURNS TABLE (
    user_id presence_session.user_id%TYPE,
    first_in timestamptz,
    last_out timestamptz,
    last_seen timestamptz,
    certain interval,
    possible interval,
    stays bigint,
    longest_absence interval,
    late interval,
    left_early interval,
    percent_certain double precision,
    percent_possible double precision
)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    WITH span AS MATERIALIZED (
        SELECT
            least(stop, statement_timestamp()) AS until,
            date_part('epoch', least(stop, statement_timestamp()) - start) / 100 AS percent
        WHERE presence_check(
                start, stop, CASE WHEN isfinite(start) AND start <> stop THEN interval '1 s' ELSE interval '0' END
            )
            AND presence_after_horizon(start, presence_horizon('stays'))
            AND start < statement_timestamp()
    ), stays AS (
        SELECT
            s.user_id,
            greatest(s.joined_at, start) AS began,
            least(s.left_at, l.until) AS ended,
            least(CASE WHEN s.ended_by = 'leave' AND s.reason IS NULL THEN s.left_at ELSE s.last_seen END, l.until)
                AS seen
        FROM span AS l, presence_during(start, stop) AS s
        WHERE s.room = presence_attendance.room AND s.joined_at < l.until
    ), people AS (
        SELECT
            s.user_id,
            count(*) AS stays,
            min(s.began) AS first_in,
            max(s.ended) AS last_out,
            max(s.seen) FILTER (WHERE s.seen >= s.began) AS last_seen,
            range_agg(tstzrange(s.began, greatest(s.began, s.seen))) AS certain,
            range_agg(tstzrange(s.began, s.ended)) AS possible
        FROM stays AS s
        GROUP BY s.user_id
    )
    SELECT
        p.user_id,
        p.first_in,
        CASE WHEN p.last_out < l.until THEN p.last_out END,
        p.last_seen,
        length.certain,
        length.possible,
        p.stays,
        length.absence,
        CASE WHEN p.first_in > start THEN p.first_in - start END,
        CASE WHEN p.last_out < l.until THEN l.until - p.last_out END,
        date_part('epoch', length.certain) / l.percent,
        date_part('epoch', length.possible) / l.percent
    FROM span AS l, people AS p, LATERAL (
        SELECT
            (SELECT coalesce(sum(upper(r) - lower(r)), '0') FROM unnest(p.certain) AS r),
            (SELECT coalesce(sum(upper(r) - lower(r)), '0') FROM unnest(p.possible) AS r),
            (
                SELECT coalesce(max(upper(r) - lower(r)), '0')
                FROM unnest(tstzmultirange(tstzrange(p.first_in, p.last_out)) - p.possible) AS r
            )
    ) AS length (certain, possible, absence);
END
