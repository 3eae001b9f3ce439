-- True, if one can say something about the time from start to stop, in steps; an error that says what is wrong otherwise.
-- It stops whoever asks who is there tomorrow, and takes a clock that is up to a minute ahead of the database's for now.
CREATE FUNCTION presence_check(start timestamptz, stop timestamptz, step interval)
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF start IS NULL OR stop IS NULL OR step IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'presence is asked for at a time, and this one is NULL';
    END IF;
    IF start > clock_timestamp() + interval '1 minute' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'datetime_field_overflow',
            MESSAGE = format('%s is in the future', start),
            HINT = 'Nobody knows who will be there.';
    END IF;
    IF start > stop OR step <= interval '0' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('from %s to %s in steps of %s is not a span of time', start, stop, step),
            HINT = 'The start comes before the end, and a step is longer than nothing.';
    END IF;
    RETURN true;
END;
$$
