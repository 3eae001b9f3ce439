SELECT 'leave', room, channel_name, user_id, %(data)s::jsonb, id
FROM presence
WHERE user_id = %(user_id)s::{user_id}
ORDER BY room, channel_name
