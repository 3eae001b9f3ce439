-- What PostgreSQL has of each expected trigger, in the order of the parameters; nulls where it has none.
SELECT
    installed.tgenabled,
    pg_catalog.current_setting('session_replication_role'),
    installed.tgtype,
    (
        SELECT pg_catalog.array_agg(attname::pg_catalog.text ORDER BY attnum)
        FROM pg_catalog.pg_attribute
        WHERE attrelid OPERATOR(pg_catalog.=) installed.tgrelid
            AND attnum OPERATOR(pg_catalog.=) ANY (installed.tgattr::pg_catalog.int2[])
    ),
    pg_catalog.pg_get_triggerdef(installed.oid),
    language.lanname,
    function.prosrc,
    function.prosecdef,
    function.proconfig,
    (
        SELECT nspname::pg_catalog.text
        FROM pg_catalog.pg_namespace AS namespace
        WHERE namespace.oid OPERATOR(pg_catalog.=) installed_on.relnamespace
    ),
    -- The options that CREATE FUNCTION gives without being asked.
    function.provolatile OPERATOR(pg_catalog.=) 'v'::pg_catalog."char"
        AND function.proparallel OPERATOR(pg_catalog.=) 'u'::pg_catalog."char"
        AND NOT function.proisstrict
        AND NOT function.proleakproof,
    pg_catalog.pg_has_role(function.proowner, installed_on.relowner, 'USAGE'),
    EXISTS (
        SELECT
        FROM pg_catalog.aclexplode(
            coalesce(function.proacl, pg_catalog.acldefault('f', function.proowner))
        )
        WHERE grantee OPERATOR(pg_catalog.<>) function.proowner
    )
FROM unnest(%(tables)s::pg_catalog.text[], %(names)s::pg_catalog.text[])
    WITH ORDINALITY AS expected (relation, name, number)
LEFT JOIN (
    pg_catalog.pg_trigger AS installed
    JOIN pg_catalog.pg_class AS installed_on ON installed_on.oid OPERATOR(pg_catalog.=) installed.tgrelid
    JOIN pg_catalog.pg_proc AS function ON function.oid OPERATOR(pg_catalog.=) installed.tgfoid
    JOIN pg_catalog.pg_language AS language ON language.oid OPERATOR(pg_catalog.=) function.prolang
)
    ON installed.tgrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.quote_ident(expected.relation))
    AND installed.tgname OPERATOR(pg_catalog.=) expected.name::pg_catalog.name
ORDER BY expected.number
