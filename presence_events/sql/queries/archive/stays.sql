-- Stays in the files of an archive, for DuckDB: those that ended after $start or did not end, and began no later than
-- $last. The files of $later have all ends after $start. The conditions narrow the events of stays.
WITH ended AS (
    SELECT session, room, channel_name, user_id, since AS joined_at, "at" AS left_at, last_seen, kind, data
    FROM read_parquet($later)
    WHERE kind IN ('leave', 'prune') AND session IS NOT NULL AND "at" > $start AND since <= $last {conditions}
),
open_stay AS (
    SELECT joined.*
    FROM (
        SELECT session, id, room, channel_name, user_id, "at" AS joined_at, process, is_leased
        FROM read_parquet($joins_and_ends)
        WHERE kind = 'join' AND "at" <= $last {conditions}
    ) AS joined
    ANTI JOIN (
        SELECT session
        FROM read_parquet($joins_and_ends)
        WHERE kind IN ('leave', 'prune') AND session IS NOT NULL {conditions}
    ) AS gone ON gone.session = joined.session
),
-- A touch without is_leased leaves the lease of its stay as it is.
touched AS (
    SELECT
        t.session,
        max(t."at") AS touched_at,
        max(t.id) FILTER (WHERE t.is_leased IS NOT NULL) AS id,
        arg_max(t.is_leased, t.id) FILTER (WHERE t.is_leased IS NOT NULL) AS is_leased,
        arg_max(t.process, t.id) FILTER (WHERE t.is_leased IS NOT NULL) AS process
    FROM read_parquet($touches) AS t
    SEMI JOIN open_stay ON open_stay.session = t.session
    GROUP BY t.session
),
lease AS (
    SELECT process, arg_max(CASE WHEN kind = 'touch' THEN "at" END, id) AS seen_at
    FROM (
        SELECT id, kind, process, "at" FROM read_parquet($touches) WHERE room = ''
        UNION ALL
        SELECT id, kind, process, "at" FROM read_parquet($joins_and_ends) WHERE room = ''
    ) AS event
    GROUP BY process
),
present AS (
    SELECT
        o.*,
        greatest(o.joined_at, t.touched_at, CASE WHEN coalesce(t.is_leased, o.is_leased) THEN l.seen_at END)
            AS last_seen
    FROM open_stay AS o
    LEFT JOIN touched AS t ON t.session = o.session
    LEFT JOIN lease AS l ON l.process = CASE WHEN t.id IS NULL THEN o.process ELSE t.process END
)
SELECT
    session, room, channel_name, user_id, epoch_us(joined_at), epoch_us(left_at), epoch_us(last_seen), false, kind, data
FROM ended
UNION ALL
SELECT session, room, channel_name, user_id, epoch_us(joined_at), NULL, epoch_us(last_seen), true, NULL, NULL
FROM present
ORDER BY 5, 1
