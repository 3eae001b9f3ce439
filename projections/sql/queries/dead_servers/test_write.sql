-- What whoever appends and says that it is alive needs: the lock on the log, for which an INSERT of nothing asks, a row of
-- the registry, and a commit that is worth one.
WITH appended AS (
    INSERT INTO presence_event (kind, room) SELECT 'touch', '' WHERE false
)
SELECT name FROM presence_process ORDER BY name LIMIT 1 FOR UPDATE
