SELECT 'leave', room, channel_name, NULL::{user_id}, NULL::jsonb, NULL::bigint, 0, NULL::boolean
FROM unnest(%(rooms)s::text[], %(channel_names)s::text[]) AS stay (room, channel_name)
