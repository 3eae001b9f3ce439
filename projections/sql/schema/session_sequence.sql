-- A log from before, whose projections were removed, has numbers that must not be drawn again.
CREATE SEQUENCE presence_open_stay_id_seq OWNED BY presence_open_stay.id;
SELECT pg_catalog.setval('presence_open_stay_id_seq', pg_catalog.max(pg_catalog.abs(session)))
FROM presence_event
HAVING pg_catalog.max(pg_catalog.abs(session)) IS NOT NULL
