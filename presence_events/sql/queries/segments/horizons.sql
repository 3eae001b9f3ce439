-- The horizons of touches and of stays, and the last position that may have been removed.
SELECT
    presence_horizon('touches'),
    presence_horizon('stays'),
    (SELECT coalesce(max(last_id), 0) FROM presence_segment WHERE state IN ('leaving', 'removed'))
