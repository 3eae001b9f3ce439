-- A touch for each of these stays, which makes it depend on the lease of the process that records it, or no longer depend
-- on a lease. Skips rows that another transaction has locked, because one lock must not delay all connections.
SELECT 'touch', p.room, p.channel_name, NULL::{user_id}, NULL::jsonb, NULL::bigint, 0, stay.is_leased
FROM unnest(%(rooms)s::text[], %(channel_names)s::text[], %(are_leased)s::boolean[])
    AS stay (room, channel_name, is_leased)
JOIN presence_open_stay AS p ON p.room = stay.room AND p.channel_name = stay.channel_name
FOR NO KEY UPDATE OF p SKIP LOCKED
