-- The server processes with a lease, and when each renewed it last, in microseconds since 1970.
SELECT name, (extract(epoch FROM seen_at) * 1000000)::bigint FROM presence_process
