-- Moves the baseline to a position, which is later than the one before.
INSERT INTO presence_baseline AS baseline (id, position, at)
SELECT 1, %(position)s, max(at)
FROM presence_event
WHERE id > %(before)s AND id <= %(position)s
ON CONFLICT (id) DO UPDATE SET position = excluded.position, at = greatest(baseline.at, excluded.at)
