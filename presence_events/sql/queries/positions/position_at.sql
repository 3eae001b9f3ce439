-- Bisection. All positions below low are older than the moment, and none from high on is.
WITH RECURSIVE bisection (low, high) AS (
    SELECT coalesce(min(id), 1), coalesce(max(id), 0) + 1
    FROM presence_event
    UNION ALL
    SELECT
        CASE WHEN probe.at < %(moment)s::timestamptz THEN probe.id + 1 ELSE b.low END,
        CASE WHEN probe.at < %(moment)s::timestamptz THEN b.high ELSE (b.low + b.high) / 2 END
    FROM bisection AS b
    CROSS JOIN LATERAL (
        SELECT id, at FROM presence_event WHERE id >= (b.low + b.high) / 2 ORDER BY id LIMIT 1
    ) AS probe
    WHERE b.low < b.high
)
SELECT max(low) FROM bisection
