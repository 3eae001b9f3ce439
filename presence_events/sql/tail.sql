-- Events that are to be read: those that the new snapshot sees and the old one does not, in the order of positions, from
-- after one on.
--
-- Nearly all of them have positions that nobody had drawn yet at the old snapshot. Those that had been drawn before and
-- were not committed then are looked for only if one of the transactions that were open has ended since.
WITH shown AS (
    SELECT * FROM (
        SELECT {columns}
        FROM presence_event
        WHERE id > %(low)s AND id <= %(high)s AND id > %(after)s
            AND NOT pg_visible_in_snapshot(tx, %(seen)s::pg_snapshot)
            AND pg_visible_in_snapshot(tx, coalesce(%(until)s::pg_snapshot, pg_current_snapshot()))
            AND (
                SELECT bool_or(pg_visible_in_snapshot(
                    id::text::xid8, coalesce(%(until)s::pg_snapshot, pg_current_snapshot())
                ))
                FROM unnest(%(open)s::bigint[]) AS id
            )
            AND (%(touches)s OR kind <> 'touch' OR data IS NOT NULL)
        ORDER BY id
        LIMIT %(limit)s
    ) AS earlier
    UNION ALL
    SELECT * FROM (
        SELECT {columns}
        FROM presence_event
        WHERE id > greatest(%(high)s, %(after)s)
            AND NOT pg_visible_in_snapshot(tx, %(seen)s::pg_snapshot)
            AND pg_visible_in_snapshot(tx, coalesce(%(until)s::pg_snapshot, pg_current_snapshot()))
            AND (%(touches)s OR kind <> 'touch' OR data IS NOT NULL)
        ORDER BY id
        LIMIT %(limit)s
    ) AS later
)
SELECT pg_current_snapshot()::text AS snapshot, shown.*
FROM (SELECT) AS always
LEFT JOIN shown ON true
ORDER BY shown.id
LIMIT %(limit)s
