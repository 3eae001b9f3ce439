-- The join of each connection that has limits: a capacity, or no other connection of the user in the room. Connections
-- that are present as the same user, and are hidden or shown as before, are left out.
--
-- Leaves come first: of the connection's own stay, if it is another user's or is no longer hidden or shown as before, and
-- for the newest connection of a user, of the user's other stays in the room. The join then names one of these stays: if
-- the limits do not allow the join, the statement fails, and these stays go on.
WITH given AS (
    SELECT *, true AS has_history
    FROM unnest(
        %(rooms)s::text[], %(channel_names)s::text[], %(user_ids)s::{user_id}[], %(data)s::jsonb[],
        %(are_leased)s::boolean[], %(capacities)s::integer[], %(exclusives)s::text[]
    ) AS a (room, channel_name, user_id, data, is_leased, capacity, exclusive)
),
-- include projections queries/selections/limited_joins_of_arrivals
