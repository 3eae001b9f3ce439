-- Estimates of the people, the anonymous connections and the connections that are present, from the statistics of
-- PostgreSQL. No row if there are no statistics, or if they are of too few connections.
SELECT
    (CASE WHEN of_user.n_distinct < 0 THEN -of_user.n_distinct * present.connections ELSE of_user.n_distinct END)::bigint,
    (of_user.null_frac * present.connections)::bigint,
    present.connections::bigint
FROM (
    SELECT
        pg_namespace.nspname,
        relname,
        reltuples / relpages * pg_relation_size(pg_class.oid) / current_setting('block_size')::float8 AS connections
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = 'presence_open_stay'::regclass AND relpages > 0
) AS present
JOIN pg_stats AS of_user
    ON of_user.schemaname = present.nspname AND of_user.tablename = present.relname AND of_user.attname = 'user_id'
WHERE present.connections > %(at_least)s
