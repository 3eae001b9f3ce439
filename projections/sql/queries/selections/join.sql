-- The join of each connection. If the connection is present as another user, or is hidden and will no longer be, or the
-- other way round, a leave of that stay comes first.
WITH arrival AS (
    SELECT *
    FROM unnest(
        %(rooms)s::text[], %(channel_names)s::text[], %(user_ids)s::{user_id}[], %(data)s::jsonb[], %(are_leased)s::boolean[]
    ) AS a (room, channel_name, user_id, data, is_leased)
)
-- include projections queries/selections/joins_of_arrivals
