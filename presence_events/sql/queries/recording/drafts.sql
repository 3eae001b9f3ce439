SELECT kind, room, channel_name, user_id, data, session, step, NULL::boolean
FROM unnest(
    %(kinds)s::text[],
    %(rooms)s::text[],
    %(channel_names)s::text[],
    %(user_ids)s::{user_id}[],
    %(data)s::jsonb[],
    %(sessions)s::bigint[],
    %(steps)s::integer[]
) AS draft (kind, room, channel_name, user_id, data, session, step)
