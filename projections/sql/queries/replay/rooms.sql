-- The rooms of a fold, from the positions of the joins that created them, and those of the baseline.
SELECT room AS channel_name, at AS created_at
FROM presence_event
WHERE id = ANY(%(creating_joins)s::bigint[]) AND kind = 'join' AND {creating_joins}
UNION ALL
SELECT channel_name, created_at
FROM presence_baseline_room
WHERE channel_name = ANY(%(baseline_rooms)s::text[])
