-- The erased events in a range of positions, with their users as text.
SELECT id, user_id::text, commitment
FROM presence_event
WHERE id >= %(start)s AND id < %(end)s AND commitment IS NOT NULL
