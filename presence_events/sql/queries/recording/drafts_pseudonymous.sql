-- Like drafts.sql, with the pseudonym of the day in place of the user in some drafts.
SELECT
    kind, room, channel_name, CASE WHEN is_pseudonymous THEN presence_pseudonym(user_id) ELSE user_id END, data,
    session, step, NULL::boolean
FROM unnest(
    %(kinds)s::text[],
    %(rooms)s::text[],
    %(channel_names)s::text[],
    %(user_ids)s::{user_id}[],
    %(data)s::jsonb[],
    %(sessions)s::bigint[],
    %(steps)s::integer[],
    %(are_pseudonymous)s::boolean[]
) AS draft (kind, room, channel_name, user_id, data, session, step, is_pseudonymous)
