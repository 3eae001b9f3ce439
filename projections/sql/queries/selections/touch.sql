SELECT 'touch', room, channel_name, NULL::{user_id}, NULL::jsonb, NULL::bigint, 0, NULL::boolean
FROM presence_open_stay
WHERE channel_name = ANY(%(channel_names)s::text[])
