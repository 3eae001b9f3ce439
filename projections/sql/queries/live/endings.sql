-- Returns the last event of each of these connections in its room, from the position on and without touches.
SELECT DISTINCT ON (e.room, e.channel_name)
    e.room,
    e.channel_name,
    e.kind,
    e.at - e.last_seen AS silence,
    e.kind = 'prune' AND coalesce(e.data ->> 'reason' = %(died)s, false) AS presumed_dead,
    e.kind = 'leave' AND e.is_exclusive IS NOT NULL AS is_replaced
FROM unnest(%(rooms)s::text[], %(channel_names)s::text[]) AS stay (room, channel_name)
JOIN presence_event AS e ON e.room = stay.room AND e.channel_name = stay.channel_name
WHERE e.kind <> 'touch' AND e.id >= %(position)s
ORDER BY e.room, e.channel_name, e.id DESC
