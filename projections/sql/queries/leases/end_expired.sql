-- Ends the leases of processes without a beat for a day, on which no stay depends. Such a process has long been dead, or
-- no dead-server detection runs. Returns the names of the processes.
INSERT INTO presence_event (kind, room, process)
SELECT 'prune', '', lease.name
FROM (
    SELECT name
    FROM presence_process AS p
    WHERE p.seen_at < clock_timestamp() - interval '1 day'
        AND NOT EXISTS (SELECT FROM presence_open_stay AS s WHERE s.process = p.name AND s.is_leased)
    ORDER BY name
    FOR UPDATE SKIP LOCKED
) AS lease
RETURNING process
