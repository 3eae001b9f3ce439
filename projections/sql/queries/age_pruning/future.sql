-- The presences that were last seen in the future, and the transaction that wrote each last.
SELECT id, xmin::text FROM presence WHERE last_seen > clock_timestamp() + make_interval(secs => %(tolerance)s)
