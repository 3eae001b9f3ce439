-- The rooms that were found in the log: by the positions of the joins that made them.
SELECT room AS channel_name, at AS created_at
FROM presence_event
WHERE id = ANY(%(makers)s::bigint[])
