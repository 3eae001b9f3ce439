-- Bisection in the segments that have both older and newer events, from the first of these events, or a later position
-- before which all are older, to the last one or a position from which on none is older.
WITH RECURSIVE bisection (low, high) AS (
    SELECT start.low, least(greatest(start.low, last.id + 1), %(high)s::bigint)
    FROM (SELECT coalesce(min(id), 1)::bigint FROM ({first}) AS part (id)) AS start (low),
        (SELECT coalesce(max(id), 0)::bigint FROM ({last}) AS part (id)) AS last (id)
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
