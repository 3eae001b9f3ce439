-- The events of a part of the log that the snapshot of the window sees and the one before it does not, by position. In a
-- window without a snapshot, all transactions have ended.
SELECT {columns}
FROM presence_event
WHERE id > %(after)s AND id <= %(until)s AND {part}
    AND (%(seen)s::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(tx, %(seen)s::pg_snapshot))
    AND (%(window)s::pg_snapshot IS NULL OR pg_visible_in_snapshot(tx, %(window)s::pg_snapshot))
    AND (%(rooms)s::text[] IS NULL OR room = ANY (%(rooms)s::text[]))
    AND (%(touches)s OR room <> '' AND (kind <> 'touch' OR data IS NOT NULL))
ORDER BY id
LIMIT %(limit)s
