SELECT stay.room, stay.channel_name
FROM unnest(%(rooms)s::text[], %(channel_names)s::text[]) AS stay (room, channel_name)
WHERE NOT EXISTS (
    SELECT FROM presence AS p WHERE p.room = stay.room AND p.channel_name = stay.channel_name
)
