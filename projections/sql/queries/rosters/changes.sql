-- The events of connections in a room after a position, without touches that changed only the time, and without hidden
-- connections.
SELECT id, tx::text, user_id, kind IN ('leave', 'prune')
FROM presence_event
WHERE room = %(room)s AND id > %(after)s AND {days}
    AND session IS NOT NULL AND (kind <> 'touch' OR data IS NOT NULL)
    AND NOT coalesce(data @> '{{"presence.hidden": true}}', false)
ORDER BY id
LIMIT %(limit)s
