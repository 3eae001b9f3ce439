-- The horizons of touches and of stays, the last position that may have been removed, and up to when a standby has the log.
SELECT
    presence_horizon('touches'),
    presence_horizon('stays'),
    (SELECT coalesce(max(last_id), 0) FROM presence_segment WHERE state IN ('leaving', 'removed')),
-- include presence_events queries/segments/replayed_up_to
