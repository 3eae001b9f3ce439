-- The leases of a fold, from the positions of their last beats, and those of the baseline.
SELECT process AS name, since AS started_at, at AS seen_at
FROM presence_event
WHERE id = ANY(%(beats)s::bigint[]) AND kind = 'touch' AND {beats}
UNION ALL
SELECT name, started_at, seen_at
FROM presence_baseline_process
WHERE name = ANY(%(baseline_processes)s::text[])
