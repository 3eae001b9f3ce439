-- Moves stays, their events and the rooms that they created into the past. All parts read the times before the move. The
-- stays no longer depend on a lease, whose beats would make them seen now.
WITH aged AS (
    UPDATE presence_open_stay
    SET joined_at = joined_at - make_interval(secs => %(age)s),
        touched_at = touched_at - make_interval(secs => %(age)s),
        is_leased = false
    WHERE id = ANY(%(sessions)s::bigint[])
    RETURNING id
), events AS (
    UPDATE presence_event AS e
    SET since = e.since - make_interval(secs => %(age)s),
        at = e.at - make_interval(secs => %(age)s),
        is_leased = CASE WHEN e.is_leased THEN false ELSE e.is_leased END
    FROM aged
    WHERE e.session = aged.id
), rooms AS (
    UPDATE presence_room AS r
    SET created_at = r.created_at - make_interval(secs => %(age)s)
    WHERE (
        SELECT e.session
        FROM presence_event AS e
        WHERE e.room = r.channel_name AND e.kind = 'join' AND e.at = r.created_at
        ORDER BY e.id
        LIMIT 1
    ) IN (SELECT id FROM aged)
)
SELECT count(*) FROM aged
