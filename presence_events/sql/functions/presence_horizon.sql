-- Returns the horizon of a part of the log, touches or stays: the latest time of an event that retention has removed.
-- Answers about this time and later ones are complete. NULL means that nothing has been removed.
CREATE FUNCTION presence_horizon(part text)
RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT max(s.last_at)
    FROM presence_segment AS s
    WHERE s.part = presence_horizon.part AND s.state IN ('leaving', 'removed')
)
