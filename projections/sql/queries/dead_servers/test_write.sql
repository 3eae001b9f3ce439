-- Needs what a live process needs to append and to renew its lease: the lock on the log, which even an INSERT of no
-- rows takes, and a commit that writes. Returns the processes whose leases no other transaction has locked. Two
-- detectors do not take each other's locks for such ones.
WITH appended AS (
    INSERT INTO presence_event (kind, room) SELECT 'touch', '' WHERE false
)
SELECT name FROM presence_process FOR SHARE SKIP LOCKED
