-- The user of the join n, or the pseudonym of the day. If the connection has the stay p, and that began on an earlier day,
-- it keeps its pseudonym: which one that user would have had then is no longer known.
CASE
    WHEN NOT n.is_pseudonymous OR n.user_id IS NULL THEN n.user_id
    WHEN p.joined_at < date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
        THEN coalesce(p.user_id, presence_pseudonym(n.user_id))
    ELSE presence_pseudonym(n.user_id)
END
