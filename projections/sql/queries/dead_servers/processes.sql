-- The processes in the registry, and when each was last seen, in microseconds.
SELECT name, (extract(epoch FROM seen_at) * 1000000)::bigint FROM presence_process
