-- The joins, leaves and touches of connections: in the room, or without one in all rooms that the connection is in.
WITH change AS (
    SELECT *, NULL::bigint AS session
    FROM unnest(
        %(kinds)s::text[], %(rooms)s::text[], %(channel_names)s::text[], %(user_ids)s::{user_id}[], %(data)s::jsonb[],
        %(are_leased)s::boolean[]
    ) AS c (kind, room, channel_name, user_id, data, is_leased)
)
-- include projections queries/selections/of_changes
