-- Not the default of the column: the fold draws the position itself, after it has acquired the row lock.
CREATE SEQUENCE presence_event_id_seq OWNED BY presence_event.id
