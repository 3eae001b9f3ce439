SELECT 'leave', room, channel_name, user_id, %(data)s::jsonb, id, 0, NULL::boolean
FROM presence_open_stay
WHERE user_id = %(user_id)s::{user_id}
