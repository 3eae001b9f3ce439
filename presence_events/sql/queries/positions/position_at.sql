-- Bisection between two positions, in the segments that have both older and newer events. All positions below low are
-- older than the moment, and none from high on is. All events of the segments are before end.
WITH RECURSIVE bisection (low, high) AS (
    SELECT start.low, least(greatest(start.low, ({end})), %(high)s::bigint) FROM (SELECT ({low})::bigint) AS start (low)
    UNION ALL
    SELECT
        CASE WHEN probe.at < %(moment)s::timestamptz THEN probe.id + 1 ELSE b.low END,
        CASE WHEN probe.at < %(moment)s::timestamptz THEN b.high ELSE (b.low + b.high) / 2 END
    FROM bisection AS b
    CROSS JOIN LATERAL (
        SELECT id, at FROM ({probes}) AS event ORDER BY id LIMIT 1
    ) AS probe
    WHERE b.low < b.high
)
SELECT least(max(low), %(high)s) FROM bisection
