SELECT kind, room, channel_name, user_id, data, session
FROM unnest(
    %(kinds)s::text[],
    %(rooms)s::text[],
    %(channel_names)s::text[],
    %(user_ids)s::{user_id}[],
    %(data)s::jsonb[],
    %(sessions)s::bigint[]
) WITH ORDINALITY AS draft (kind, room, channel_name, user_id, data, session, position)
ORDER BY room COLLATE "C", channel_name COLLATE "C" NULLS FIRST, position
