-- Each renewal changes seen_at, also if the clock was set back. Like last_seen in the presences, it never decreases,
-- except from a time that no clock shows.
--
-- A process that has not renewed its row for a day is deleted. It has long been dead, or no dead-server detection runs.
WITH expired AS (
    DELETE FROM presence_process
    WHERE name IN (
        SELECT name
        FROM presence_process
        WHERE seen_at < clock_timestamp() - interval '1 day' AND name <> %(name)s
        FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO presence_process (name, started_at, seen_at)
SELECT %(name)s, now, now
FROM (SELECT clock_timestamp() AS now) AS clock
ON CONFLICT (name) DO UPDATE
SET seen_at = CASE
    WHEN presence_process.seen_at < '9999-12-31 00:00:00+00'
    THEN greatest(excluded.seen_at, presence_process.seen_at + interval '1 us')
    ELSE excluded.seen_at
END
