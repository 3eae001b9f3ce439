-- The leases of a fold, from the positions of their last beats.
SELECT process AS name, since AS started_at, at AS seen_at
FROM presence_event
WHERE id = ANY(%(beats)s::bigint[]) AND kind = 'touch' AND {beats}
