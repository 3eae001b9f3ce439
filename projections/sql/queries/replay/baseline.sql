-- What a fold begins with: the rooms, the stays and the processes of the baseline.
SELECT
    (
        SELECT coalesce(array_agg(channel_name), '{}')
        FROM presence_baseline_room
        WHERE %(room)s::text IS NULL OR channel_name = %(room)s
    ),
    (
        SELECT coalesce(array_agg(id), '{}')
        FROM presence_baseline_stay
        WHERE %(room)s::text IS NULL OR room = %(room)s
    ),
    (SELECT coalesce(array_agg(name), '{}') FROM presence_baseline_process)
