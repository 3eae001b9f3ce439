-- What a join that recorded nothing found: whether the connection is present as this user, whether another connection of
-- the user is, and how many people are in the room.
SELECT
    count(*) FILTER (
        WHERE channel_name = %(channel_name)s::text AND user_id IS NOT DISTINCT FROM %(user_id)s::{user_id}
    ) > 0,
    count(*) FILTER (WHERE channel_name <> %(channel_name)s::text AND user_id = %(user_id)s::{user_id}) > 0,
    count(DISTINCT user_id) + count(*) FILTER (WHERE user_id IS NULL)
FROM presence_open_stay
WHERE room = %(room)s::text
