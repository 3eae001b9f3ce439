-- Who is present, and how long the log is. It reads the presences once, and of the log only the last event.
SELECT
    statement_timestamp(),
    pg_is_in_recovery(),
    (SELECT count(*) FROM (SELECT DISTINCT user_id FROM presence WHERE user_id IS NOT NULL) AS present_user),
    present.anonymous,
    present.connections,
    (SELECT count(*) FROM presence_room),
    (
        SELECT count(*) FROM presence_room AS room
        WHERE NOT EXISTS (SELECT FROM presence AS p WHERE p.room = room.channel_name)
    ),
    (SELECT coalesce(max(id), 0) FROM presence_event WHERE {segments}),
    prepared.days,
    greatest(coalesce(extract(epoch FROM statement_timestamp() - present.joined_at), 0), 0)::float8,
    greatest(coalesce(extract(epoch FROM statement_timestamp() - present.last_seen), 0), 0)::float8,
    letters.number,
    letters.last,
    letters.workers,
    (
        SELECT count(*) FROM presence_process
        WHERE seen_at > statement_timestamp() - make_interval(secs => %(dead_after)s)
    )
FROM (
    SELECT
        count(*) AS connections,
        count(*) FILTER (WHERE user_id IS NULL) AS anonymous,
        min(joined_at) AS joined_at,
        min(last_seen) AS last_seen
    FROM presence
) AS present
CROSS JOIN (
    -- A log that has never been divided into segments counts from its first event.
    SELECT min(coalesce(first_day, (
        SELECT day FROM presence_event WHERE {segments} ORDER BY id LIMIT 1
    ) + %(undivided)s) - today.day) AS days
    FROM presence_segment
    CROSS JOIN (SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date AS day) AS today
    WHERE end_day IS NULL AND state = 'open'
) AS prepared
CROSS JOIN (
    SELECT count(*) AS number, max(id) AS last, coalesce(array_agg(DISTINCT worker), '{{}}') AS workers
    FROM (SELECT id, worker FROM presence_dead_letter ORDER BY id DESC LIMIT %(counted)s) AS letter
) AS letters
