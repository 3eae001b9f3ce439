-- The tables on which row-level security applies to their owner, as whom the fold runs, or to the current role.
SELECT c.relname
FROM pg_catalog.pg_class AS c
WHERE c.oid = ANY (
        SELECT pg_catalog.to_regclass(pg_catalog.quote_ident(name))
        FROM pg_catalog.unnest(%(tables)s::text[]) AS t (name)
    )
    AND c.relrowsecurity
    AND (c.relforcerowsecurity OR pg_catalog.row_security_active(c.oid))
ORDER BY c.relname
