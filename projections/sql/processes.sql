-- The processes in the registry, and those that are not in it although somebody was claimed for them; when each was last
-- seen, in microseconds; and whether somebody here was claimed for it.
SELECT
    coalesce(process.name, claimed.process),
    (extract(epoch FROM process.seen_at) * 1000000)::bigint,
    claimed.process IS NOT NULL
FROM presence_process AS process
FULL JOIN (
    SELECT DISTINCT process FROM presence WHERE process IS NOT NULL
) AS claimed ON claimed.process = process.name
