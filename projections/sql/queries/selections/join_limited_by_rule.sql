-- Like join_limited.sql, by the rule of the room: with the pseudonym of the day in place of the user, or for a stay without
-- history.
WITH given AS MATERIALIZED (
    SELECT
        n.room, n.channel_name,
-- include projections queries/selections/recorded_user
        AS user_id,
        n.data, n.is_leased, n.capacity, n.exclusive, n.has_history
    FROM unnest(
        %(rooms)s::text[], %(channel_names)s::text[], %(user_ids)s::{user_id}[], %(data)s::jsonb[],
        %(are_leased)s::boolean[], %(capacities)s::integer[], %(exclusives)s::text[], %(are_pseudonymous)s::boolean[],
        %(have_history)s::boolean[]
    ) AS n (room, channel_name, user_id, data, is_leased, capacity, exclusive, is_pseudonymous, has_history)
    LEFT JOIN presence_open_stay AS p ON p.room = n.room AND p.channel_name = n.channel_name
),
-- include projections queries/selections/limited_joins_of_arrivals
