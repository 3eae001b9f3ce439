-- The seconds since the first event after a position was recorded. No row if there is none.
SELECT greatest(extract(epoch FROM clock_timestamp() - at), 0)::float8
FROM presence_event
WHERE id > %(after)s AND {days}
ORDER BY id
LIMIT 1
