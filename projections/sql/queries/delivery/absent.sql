-- The pairs of room and channel name that have no presence.
SELECT pair.room, pair.channel_name
FROM unnest(%(rooms)s::text[], %(channel_names)s::text[]) AS pair (room, channel_name)
WHERE NOT EXISTS (
    SELECT FROM presence_open_stay AS p WHERE p.room = pair.room AND p.channel_name = pair.channel_name
)
