-- PostgreSQL keeps no statistics on the expressions of partial indexes. Without these it would assume that every
-- magnitude is rare.
CREATE STATISTICS presence_event_magnitude ON (
    pg_catalog.width_bucket(
        pg_catalog.date_part('epoch', at - since),
        '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
    )
) FROM presence_event
