-- Not a default of the column: the fold draws the position itself, once it holds the lock.
CREATE SEQUENCE presence_event_id_seq OWNED BY presence_event.id
