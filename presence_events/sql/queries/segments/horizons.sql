-- The horizons of touches and of stays, and the last position that may have been removed.
SELECT
    max(last_at) FILTER (WHERE part = 'touches'),
    max(last_at) FILTER (WHERE part = 'stays'),
    coalesce(max(last_id), 0)
FROM presence_segment
WHERE state IN ('leaving', 'removed')
