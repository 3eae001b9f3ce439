CREATE SEQUENCE presence_id_seq OWNED BY presence.id
