-- The table that has the event at a position.
SELECT tableoid::regclass::text FROM presence_event WHERE id = %(position)s
