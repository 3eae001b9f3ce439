-- What is wrong with constraints. Each is expected with a name or with a column, and a foreign key with the table that
-- it refers to. Since PostgreSQL 18, a constraint that is not enforced is not valid either.
SELECT
    expected.relation,
    pg_catalog.concat(
        CASE expected.kind
            WHEN 'p' THEN 'the primary key'
            WHEN 'f' THEN pg_catalog.concat('the foreign key of ', expected.attribute)
            ELSE pg_catalog.concat('the constraint ', expected.name)
        END,
        ' ',
        found.fault
    )
FROM unnest(
    %(tables)s::pg_catalog.text[],
    %(kinds)s::pg_catalog.text[],
    %(names)s::pg_catalog.text[],
    %(columns)s::pg_catalog.text[],
    %(targets)s::pg_catalog.text[]
) AS expected (relation, kind, name, attribute, target)
JOIN pg_catalog.pg_class AS class
    ON class.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.quote_ident(expected.relation))
LEFT JOIN pg_catalog.pg_attribute AS own
    ON own.attrelid OPERATOR(pg_catalog.=) class.oid
    AND own.attname OPERATOR(pg_catalog.=) expected.attribute::pg_catalog.name
    AND NOT own.attisdropped
LEFT JOIN pg_catalog.pg_constraint AS c
    ON c.conrelid OPERATOR(pg_catalog.=) class.oid
    AND c.contype OPERATOR(pg_catalog.=) expected.kind::pg_catalog."char"
    AND (expected.name IS NULL OR c.conname OPERATOR(pg_catalog.=) expected.name::pg_catalog.name)
    AND (expected.attribute IS NULL OR c.conkey OPERATOR(pg_catalog.=) ARRAY[own.attnum])
    AND (
        expected.target IS NULL
        OR c.confrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.quote_ident(expected.target))
    )
LEFT JOIN pg_catalog.pg_index AS index
    ON expected.kind OPERATOR(pg_catalog.=) ANY (ARRAY['p', 'u']::pg_catalog.text[])
    AND index.indexrelid OPERATOR(pg_catalog.=) c.conindid
CROSS JOIN LATERAL (
    VALUES
        (c.oid IS NULL, 'does not exist'),
        (NOT c.convalidated, 'is not valid or not enforced'),
        (NOT index.indisvalid OR NOT index.indisready, 'has an invalid index'),
        (
            expected.kind OPERATOR(pg_catalog.<>) 'f' AND c.condeferrable,
            'is deferrable'
        ),
        (
            expected.kind OPERATOR(pg_catalog.=) 'f' AND NOT (c.condeferrable AND c.condeferred),
            'is not deferred'
        ),
        (
            expected.kind OPERATOR(pg_catalog.=) 'f'
            AND (c.confdeltype, c.confupdtype) OPERATOR(pg_catalog.<>) ('a'::pg_catalog."char", 'a'::pg_catalog."char"),
            'changes rows itself'
        ),
        (
            expected.kind OPERATOR(pg_catalog.=) 'f' AND EXISTS (
                SELECT
                FROM pg_catalog.pg_trigger
                WHERE tgconstraint OPERATOR(pg_catalog.=) c.oid
                    AND tgenabled OPERATOR(pg_catalog.<>) ALL ('{O,A}'::pg_catalog."char"[])
            ),
            'has triggers that are disabled'
        )
) AS found (is_found, fault)
WHERE found.is_found
ORDER BY expected.relation, 2
