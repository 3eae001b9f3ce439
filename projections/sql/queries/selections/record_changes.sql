SELECT {returning}
FROM presence_record(
    %(kinds)s::text[], %(rooms)s::text[], %(channel_names)s::text[], %(user_ids)s::{user_id}[], %(data)s::jsonb[],
    %(are_leased)s::boolean[], %(process)s::text, %(lock_timeout)s::text
)
