-- The magnitude of a closed stay: the power of 8 into which its seconds fall. It is the expression of the indexes in
-- presence_events/schema/indexes.py, to the letter: PostgreSQL inlines this function, and then finds those indexes.
CREATE FUNCTION presence_magnitude(joined_at timestamptz, left_at timestamptz)
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.width_bucket(
    pg_catalog.date_part('epoch', left_at - joined_at),
    '{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[]
)
