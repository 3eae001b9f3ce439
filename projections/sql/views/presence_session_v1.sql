-- Every stay: those that are over are the leaves and prunes of the log, those that go on are the presences. Whoever asks
-- says is_open rather than left_at IS NULL: it is a constant on either side, so that a condition on one side vanishes on
-- the other, and the rest finds its index.
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
    at - since AS duration
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
    last_seen,
    true,
    NULL,
    NULL,
    greatest(statement_timestamp(), last_seen) - joined_at
FROM presence
