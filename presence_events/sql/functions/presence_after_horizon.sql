-- Returns true if moment is not before horizon, or if horizon is NULL. Otherwise raises an error with the reason.
--
-- PostgreSQL looks the names in a PL/pgSQL body up in the search path of the caller, so they have their schema. That of
-- the tables is not known here, so the caller passes the horizon.
CREATE FUNCTION presence_after_horizon(moment timestamptz, horizon timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF moment OPERATOR(pg_catalog.<) horizon THEN
        RAISE EXCEPTION USING
            ERRCODE = '22PH1',
            MESSAGE = pg_catalog.format('%s is before the horizon: earlier events were removed', moment),
            HINT = pg_catalog.format(
                'Answers exist from %s on. The view presence_session has what is left of earlier stays.', horizon
            );
    END IF;
    RETURN true;
END;
$$
