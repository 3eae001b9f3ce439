-- The events of connections in a room after a position, without touches that changed only the time.
SELECT id, tx::text, user_id, kind IN ('leave', 'prune')
FROM presence_event
WHERE room = %(room)s AND id > %(after)s AND {days}
    AND session IS NOT NULL AND (kind <> 'touch' OR data IS NOT NULL)
ORDER BY id
LIMIT %(limit)s
