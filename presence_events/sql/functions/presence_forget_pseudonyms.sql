-- Deletes the secrets of past days, in UTC. Afterwards nothing tells which user a pseudonym of these days stands for.
CREATE FUNCTION presence_forget_pseudonyms() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    DELETE FROM presence_pseudonym_key
    WHERE day OPERATOR(pg_catalog.<)
        pg_catalog.timezone('UTC', pg_catalog.clock_timestamp())::pg_catalog.date;
END
$$
