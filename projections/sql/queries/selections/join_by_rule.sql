-- The join of each connection by the rule of its room: with the pseudonym of the day in place of the user, or for a stay
-- without history, which the session 0 asks for.
WITH change AS MATERIALIZED (
    SELECT
        'join'::text AS kind, n.room, n.channel_name,
-- include projections queries/selections/recorded_user
        AS user_id,
        n.data, n.is_leased, CASE WHEN NOT n.has_history THEN 0 END AS session
    FROM unnest(
        %(rooms)s::text[], %(channel_names)s::text[], %(user_ids)s::{user_id}[], %(data)s::jsonb[],
        %(are_leased)s::boolean[], %(are_pseudonymous)s::boolean[], %(have_history)s::boolean[]
    ) AS n (room, channel_name, user_id, data, is_leased, is_pseudonymous, has_history)
    LEFT JOIN presence_open_stay AS p ON p.room = n.room AND p.channel_name = n.channel_name
)
-- include projections queries/selections/of_changes
