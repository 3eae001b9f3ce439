-- The rooms of a fold, from the positions of the joins that created them.
SELECT room AS channel_name, at AS created_at
FROM presence_event
WHERE id = ANY(%(creating_joins)s::bigint[]) AND kind = 'join' AND {creating_joins}
