-- The join of each connection, in some rooms with the pseudonym of the day in place of the user.
WITH change AS MATERIALIZED (
    SELECT
        'join'::text AS kind, n.room, n.channel_name,
-- include projections queries/selections/recorded_user
        AS user_id,
        n.data, n.is_leased
    FROM unnest(
        %(rooms)s::text[], %(channel_names)s::text[], %(user_ids)s::{user_id}[], %(data)s::jsonb[],
        %(are_leased)s::boolean[], %(are_pseudonymous)s::boolean[]
    ) AS n (room, channel_name, user_id, data, is_leased, is_pseudonymous)
    LEFT JOIN presence_open_stay AS p ON p.room = n.room AND p.channel_name = n.channel_name
)
-- include projections queries/selections/of_changes
