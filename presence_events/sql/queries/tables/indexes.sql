-- The indexes that do not exist or are invalid.
SELECT expected.relation, expected.name
FROM unnest(%(tables)s::pg_catalog.text[], %(names)s::pg_catalog.text[]) AS expected (relation, name)
JOIN pg_catalog.pg_class AS class
    ON class.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.quote_ident(expected.relation))
WHERE NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_index
    JOIN pg_catalog.pg_class AS index ON index.oid OPERATOR(pg_catalog.=) indexrelid
    WHERE indrelid OPERATOR(pg_catalog.=) class.oid
        AND index.relname OPERATOR(pg_catalog.=) expected.name::pg_catalog.name
        AND indisvalid
        AND indisready
)
ORDER BY expected.relation, expected.name
