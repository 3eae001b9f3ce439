-- Like leave_user.sql, also for the pseudonym that the user has today.
SELECT 'leave', room, channel_name, user_id, %(data)s::jsonb, id, 0, NULL::boolean
FROM presence_open_stay
WHERE user_id = ANY (ARRAY(
    SELECT %(user_id)s::{user_id}
    UNION ALL
    SELECT presence_pseudonym(%(user_id)s::{user_id})
))
