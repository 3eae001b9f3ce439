-- Deletes the secrets of past days, in UTC. Afterwards nothing tells which user a pseudonym of these days stands for.
CREATE FUNCTION presence_forget_pseudonyms() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    DELETE FROM presence_pseudonym_key
    WHERE day OPERATOR(pg_catalog.<)
        pg_catalog.timezone('UTC', pg_catalog.clock_timestamp())::pg_catalog.date;
END
$$;
REVOKE ALL ON FUNCTION presence_forget_pseudonyms() FROM PUBLIC;
DO $$
BEGIN
    EXECUTE pg_catalog.concat(
        'ALTER FUNCTION presence_forget_pseudonyms() SET search_path = ',
        (
            SELECT relnamespace::pg_catalog.regnamespace FROM pg_catalog.pg_class
            WHERE oid OPERATOR(pg_catalog.=) 'presence_pseudonym_key'::pg_catalog.regclass
        ),
        ', pg_temp'
    );
END
$$
