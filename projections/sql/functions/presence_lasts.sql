-- Returns whether a stay that began no later than stop ended after start, or is open. The caller adds the condition on
-- joined_at.
--
-- The condition is written for the indexes of presence_events/schema/indexes.py: they read one short range of each
-- magnitude. left_at >= joined_at is always true; it is here because the index of all stays has that condition.
--
-- PostgreSQL inlines the function. So its arguments can be used more than once, it has no SET clauses, and it is STABLE,
-- as the addition of an interval is.
CREATE FUNCTION presence_lasts(
    joined_at timestamptz, left_at timestamptz, is_open boolean, start timestamptz, stop timestamptz
)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN is_open OR left_at >= joined_at AND left_at > start AND (
    presence_magnitude(joined_at, left_at) = 9
    OR presence_magnitude(joined_at, left_at) = 0 AND left_at <= stop + interval '8 s'
    OR presence_magnitude(joined_at, left_at) = 1 AND left_at <= stop + interval '64 s'
    OR presence_magnitude(joined_at, left_at) = 2 AND left_at <= stop + interval '512 s'
    OR presence_magnitude(joined_at, left_at) = 3 AND left_at <= stop + interval '4096 s'
    OR presence_magnitude(joined_at, left_at) = 4 AND left_at <= stop + interval '32768 s'
    OR presence_magnitude(joined_at, left_at) = 5 AND left_at <= stop + interval '262144 s'
    OR presence_magnitude(joined_at, left_at) = 6 AND left_at <= stop + interval '2097152 s'
    OR presence_magnitude(joined_at, left_at) = 7 AND left_at <= stop + interval '16777216 s'
    OR presence_magnitude(joined_at, left_at) = 8 AND left_at <= stop + interval '134217728 s'
)
