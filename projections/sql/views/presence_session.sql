-- All stays. The closed ones are the leaves and prunes of the log, the open ones are the presences.
--
-- Use is_open in conditions instead of left_at IS NULL. It is a constant in each half of the UNION, so PostgreSQL can
-- drop the other half, or the condition, and use the indexes for the rest.
--
-- The day is that on which the end was appended, in UTC. With conditions on it, PostgreSQL opens only some segments.
CREATE VIEW presence_session AS
SELECT
    session,
    room,
    channel_name,
    user_id,
    since AS joined_at,
    at AS left_at,
    last_seen,
    false AS is_open,
    kind AS ended_by,
    data AS reason,
    at - since AS duration,
    day
FROM presence_event
WHERE kind IN ('leave', 'prune') AND session IS NOT NULL
UNION ALL
SELECT
    id,
    room,
    channel_name,
    user_id,
    joined_at,
    NULL,
    greatest(stay.touched_at, CASE WHEN stay.is_leased THEN (
        SELECT lease.seen_at FROM presence_process AS lease WHERE lease.name = stay.process
    ) END),
    true,
    NULL,
    NULL,
    greatest(statement_timestamp(), stay.touched_at, CASE WHEN stay.is_leased THEN (
        SELECT lease.seen_at FROM presence_process AS lease WHERE lease.name = stay.process
    ) END) - joined_at,
    NULL
FROM presence_open_stay AS stay
