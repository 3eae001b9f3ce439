-- Bisection between two positions, in some segments. All positions below low are older than the moment, and
-- none from high on is. Without a limit, high is the end of the log.
WITH RECURSIVE bisection (low, high) AS (
    SELECT
        greatest(coalesce(min(id), 1), %(low)s),
        least(greatest(coalesce(max(id), 0) + 1, %(low)s), %(high)s::bigint)
    FROM ({events}) AS event
    UNION ALL
    SELECT
        CASE WHEN probe.at < %(moment)s::timestamptz THEN probe.id + 1 ELSE b.low END,
        CASE WHEN probe.at < %(moment)s::timestamptz THEN b.high ELSE (b.low + b.high) / 2 END
    FROM bisection AS b
    CROSS JOIN LATERAL (
        SELECT id, at FROM ({events}) AS event WHERE id >= (b.low + b.high) / 2 ORDER BY id LIMIT 1
    ) AS probe
    WHERE b.low < b.high
)
SELECT least(max(low), %(high)s) FROM bisection
