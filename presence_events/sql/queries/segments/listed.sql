-- The segments in the order of their days, with the bytes of tables and indexes. An open one is estimated by PostgreSQL.
SELECT
    s.part,
    s.first_day,
    s.end_day,
    s.state,
    coalesce(s.events, greatest(c.reltuples, 0)::bigint),
    s.events IS NOT NULL,
    s.first_id,
    s.last_id,
    pg_catalog.pg_total_relation_size(c.oid)
FROM presence_segment AS s
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = pg_catalog.to_regclass(s.name)
ORDER BY s.part, s.first_day NULLS FIRST
