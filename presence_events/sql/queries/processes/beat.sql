-- A beat: the process is alive, and with it all connections that depend on its lease. It waits for the lease no longer
-- than the timeout, because the batches of the process wait for the beat. PostgreSQL evaluates set_config once, before
-- anything else, and its value is valid for this transaction.
INSERT INTO presence_event (kind, room, process)
SELECT 'touch', '', %(name)s::text
WHERE (SELECT set_config('lock_timeout', %(lock_timeout)s::text, true)) IS NOT NULL
