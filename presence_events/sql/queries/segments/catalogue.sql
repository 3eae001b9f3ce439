SELECT part, first_day, end_day, state = 'closed', events, first_id, last_id, first_at, last_at
FROM presence_segment
WHERE state IN ('open', 'closed')
