-- The processes in the registry, and when each last renewed its row, in microseconds since 1970.
--
-- The role of the application may write any time, also one that no clock shows, such as infinity, and that has no
-- number of microseconds. Such a row is left out, so it says nothing about its process.
SELECT name, (extract(epoch FROM seen_at) * 1000000)::bigint FROM presence_process
WHERE seen_at BETWEEN '1970-01-01 00:00:00+00' AND '9999-12-31 00:00:00+00'
