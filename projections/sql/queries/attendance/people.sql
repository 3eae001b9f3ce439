-- The figures of each user from the stays of a room, and those of all anonymous connections together. It continues a WITH
-- that has one row of the span, with its start and until when it is covered, and found, the stays that overlap it. The
-- condition on the span is evaluated first, even without any stays, and the checks of the span with it.
--
-- It is a part of the function presence_attendance, too, and changes with that in a migration.
, stays AS (
    SELECT
        s.user_id,
        greatest(s.joined_at, l.start) AS began,
        least(s.left_at, l.until) AS ended,
        least(
            CASE
                WHEN s.ended_by = 'leave'
                    AND coalesce(s.reason, 'null') IN ('null', jsonb_build_object('presence.hidden', true))
                    THEN s.left_at
                ELSE s.last_seen
            END,
            s.left_at,
            l.until
        ) AS seen
    FROM span AS l, found AS s
    WHERE (SELECT span.start < span.until FROM span) AND s.joined_at < l.until
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
), figures AS (
    SELECT
        p.user_id,
        p.first_in,
        CASE WHEN p.last_out < l.until THEN p.last_out END AS last_out,
        p.last_seen,
        length.certain,
        length.possible,
        p.stays,
        length.absence,
        CASE WHEN p.first_in > l.start THEN p.first_in - l.start END AS late,
        CASE WHEN p.last_out < l.until THEN l.until - p.last_out END AS left_early,
        100 * date_part('epoch', length.certain) / date_part('epoch', l.until - l.start) AS percent_certain,
        100 * date_part('epoch', length.possible) / date_part('epoch', l.until - l.start) AS percent_possible
    FROM span AS l, people AS p, LATERAL (
        SELECT
            (SELECT coalesce(sum(upper(r) - lower(r)), '0') FROM unnest(p.certain) AS r),
            (SELECT coalesce(sum(upper(r) - lower(r)), '0') FROM unnest(p.possible) AS r),
            (
                SELECT coalesce(max(upper(r) - lower(r)), '0')
                FROM unnest(tstzmultirange(tstzrange(p.first_in, p.last_out)) - p.possible) AS r
            )
    ) AS length (certain, possible, absence)
)
