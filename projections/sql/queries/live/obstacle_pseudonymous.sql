-- Like obstacle.sql, with the pseudonym of the day in place of the user. A stay that began on an earlier day has another
-- pseudonym, and counts as that of this user.
SELECT
    count(*) FILTER (
        WHERE channel_name = %(channel_name)s::text AND (
            user_id IS NOT DISTINCT FROM who.pseudonym
            OR joined_at < date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
        )
    ) > 0,
    count(*) FILTER (WHERE channel_name <> %(channel_name)s::text AND user_id = who.pseudonym) > 0,
    count(DISTINCT user_id) + count(*) FILTER (WHERE user_id IS NULL)
FROM presence_open_stay
CROSS JOIN (SELECT presence_pseudonym(%(user_id)s::{user_id}) AS pseudonym) AS who
WHERE room = %(room)s::text
