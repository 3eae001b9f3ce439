-- Whether this database connection holds an advisory lock. The connection of a leader holds no other one than its own.
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
