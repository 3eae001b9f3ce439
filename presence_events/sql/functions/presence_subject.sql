-- Returns the name of the subject whose key the commitment of an event is made with. See docs/reference/seal-format.md.
-- A stay without history, whose session is negative, has a key of its own, which is deleted when the stay is forgotten.
CREATE FUNCTION presence_subject(user_id text, session bigint, id bigint)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN session < 0 THEN 'session:' || session::text
    WHEN user_id IS NOT NULL THEN 'user:' || user_id
    WHEN session IS NOT NULL THEN 'session:' || session::text
    ELSE 'event:' || id::text
END
