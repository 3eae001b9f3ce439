SELECT
    name,
    part,
    first_day,
    end_day,
    state,
    events,
    first_id,
    last_id,
    first_at,
    last_at,
    first_since,
    {alias}::text AS cluster
FROM {server}.presence_segment
WHERE state IN ('leaving', 'removed')
