-- Returns true if presence can be known from start to stop, in steps. Otherwise raises an error with the reason.
-- The start must not be in the future; a clock up to one minute ahead of the database's is accepted.
--
-- PostgreSQL looks the names in a PL/pgSQL body up in the search path of the caller, so they have their schema.
CREATE FUNCTION presence_check(start timestamptz, stop timestamptz, step interval)
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF start IS NULL OR stop IS NULL OR step IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'the times and the step of a presence query must not be NULL';
    END IF;
    IF start
        OPERATOR(pg_catalog.>) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) '1 minute'::pg_catalog.interval)
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datetime_field_overflow',
            MESSAGE = pg_catalog.format('%s is in the future', start),
            HINT = 'Ask for a time that is not later than now.';
    END IF;
    IF start OPERATOR(pg_catalog.>) stop OR step OPERATOR(pg_catalog.<=) '0'::pg_catalog.interval THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = pg_catalog.format('from %s to %s in steps of %s is not a span of time', start, stop, step),
            HINT = 'The start must not be later than the end, and the step must be positive.';
    END IF;
    RETURN true;
END;
$$
