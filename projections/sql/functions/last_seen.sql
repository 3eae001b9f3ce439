-- Returns when an open stay was last seen: its own last touch or, if it depends on the lease of its process, the last
-- beat of that process. PostgreSQL reads presence_open_stay.last_seen as a call of this function.
CREATE FUNCTION last_seen(stay presence_open_stay)
RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
RETURN greatest(
    stay.touched_at,
    CASE WHEN stay.is_leased THEN (SELECT p.seen_at FROM presence_process AS p WHERE p.name = stay.process) END
)
