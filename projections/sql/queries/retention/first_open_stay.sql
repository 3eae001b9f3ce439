-- The view, because every role that may ask for the status can read it.
SELECT min(joined_at) FROM presence
