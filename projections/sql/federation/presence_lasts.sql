-- Returns whether a stay that began no later than stop ended after start, or is open. The function of this name in the
-- clusters has the same result, and more conditions, which its indexes need.
--
-- postgres_fdw sends a function call to a cluster if the function is immutable and belongs to an extension that the option
-- "extensions" of the server names. So this one is not inlined here, and belongs to postgres_fdw. Its times may be constants
-- or come from other tables. With now(), nothing of it is sent.
CREATE FUNCTION presence_lasts(
    joined_at timestamptz, left_at timestamptz, is_open boolean, start timestamptz, stop timestamptz
)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN is_open
        OR left_at OPERATOR(pg_catalog.>=) joined_at AND left_at OPERATOR(pg_catalog.>) start;
END;
$$
