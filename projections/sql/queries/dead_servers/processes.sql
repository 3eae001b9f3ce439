-- The processes in the registry, and when each last renewed its row, in microseconds since 1970.
SELECT name, (extract(epoch FROM seen_at) * 1000000)::bigint FROM presence_process
