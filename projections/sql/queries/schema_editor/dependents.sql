-- The views and functions that depend on the type of user keys, directly or through each other: the statement that drops
-- each, and the statements that create it again with its owner, rights and comment. They come in an order in which they
-- can be created.
--
-- PostgreSQL knows what views and functions with a BEGIN ATOMIC body depend on. Left out are materialized views, and
-- views with triggers or rules, which the statements would not restore. PostgreSQL refuses to drop what these depend on.
WITH RECURSIVE edge AS (
    SELECT
        coalesce(rule.ev_class, d.objid) AS object,
        rule.ev_class IS NOT NULL AS is_view,
        coalesce(row_type.typrelid, d.refobjid) AS needed,
        d.refobjsubid AS needed_column,
        d.refclassid = 'pg_catalog.pg_proc'::regclass AS needed_is_function
    FROM pg_catalog.pg_depend AS d
    LEFT JOIN pg_catalog.pg_rewrite AS rule
        ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND rule.oid = d.objid
    LEFT JOIN pg_catalog.pg_type AS row_type
        ON d.refclassid = 'pg_catalog.pg_type'::regclass AND row_type.oid = d.refobjid AND row_type.typrelid <> 0
    WHERE d.deptype = 'n'
        AND d.classid IN ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_proc'::regclass)
        AND (
            d.refclassid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass)
            OR row_type.oid IS NOT NULL
        )
), dependent (object, is_view, depth) AS (
    SELECT edge.object, edge.is_view, 1
    FROM pg_catalog.pg_attribute AS key
    JOIN edge ON edge.needed = key.attrelid AND NOT edge.needed_is_function
        AND (
            edge.needed_column = key.attnum
            -- PostgreSQL 15 refuses to alter a table while such a function takes or returns its rows.
            OR edge.needed_column = 0 AND NOT edge.is_view AND EXISTS (
                SELECT FROM pg_catalog.pg_proc AS p WHERE p.oid = edge.object AND p.prosqlbody IS NOT NULL
            )
        )
    WHERE key.attrelid = ANY(%(tables)s::regclass[]) AND key.attname = 'user_id'
    UNION
    SELECT edge.object, edge.is_view, dependent.depth + 1
    FROM dependent
    JOIN edge
        ON edge.needed = dependent.object
        AND edge.needed_is_function <> dependent.is_view
        AND NOT (edge.object = dependent.object AND edge.is_view = dependent.is_view)
), ordered AS (
    SELECT object, is_view, max(depth) AS depth FROM dependent GROUP BY object, is_view
), described AS (
    SELECT
        o.depth,
        'VIEW' AS kind,
        c.oid::regclass::text AS name,
        c.oid::regclass::text AS grant_name,
        format(
            'CREATE VIEW %%s%%s AS %%s',
            c.oid::regclass,
            ' WITH (' || array_to_string(c.reloptions, ', ') || ')',
            rtrim(pg_catalog.pg_get_viewdef(c.oid), ';')
        ) AS definition,
        c.relowner AS owner,
        coalesce(c.relacl, acldefault('r', c.relowner)) AS rights,
        'r' AS default_kind,
        c.oid AS relation,
        pg_catalog.obj_description(c.oid, 'pg_class') AS comment
    FROM ordered AS o
    JOIN pg_catalog.pg_class AS c ON o.is_view AND c.oid = o.object
    WHERE c.relkind = 'v'
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid)
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN')
    UNION ALL
    SELECT
        o.depth,
        'ROUTINE',
        p.oid::regprocedure::text,
        'ROUTINE ' || p.oid::regprocedure::text,
        pg_catalog.pg_get_functiondef(p.oid),
        p.proowner,
        coalesce(p.proacl, acldefault('f', p.proowner)),
        'f',
        NULL,
        pg_catalog.obj_description(p.oid, 'pg_proc')
    FROM ordered AS o
    JOIN pg_catalog.pg_proc AS p ON NOT o.is_view AND p.oid = o.object
    WHERE p.prokind IN ('f', 'p')
)
SELECT
    format('DROP %%s %%s', d.kind, d.name),
    array_remove(
        ARRAY[
            d.definition,
            CASE WHEN pg_catalog.pg_get_userbyid(d.owner) <> current_user
                THEN format('ALTER %%s %%s OWNER TO %%I', d.kind, d.name, pg_catalog.pg_get_userbyid(d.owner)) END,
            format('COMMENT ON %%s %%s IS %%L', d.kind, d.name, d.comment),
            -- Default privileges would give the new object other rights than the old one had.
            format('REVOKE ALL ON %%s FROM PUBLIC', d.grant_name)
        ] || ARRAY(
            SELECT DISTINCT format('REVOKE ALL ON %%s FROM %%I', d.grant_name, pg_catalog.pg_get_userbyid(x.grantee))
            FROM pg_catalog.pg_default_acl AS a
            CROSS JOIN LATERAL pg_catalog.aclexplode(a.defaclacl) AS x
            WHERE a.defaclobjtype::text = d.default_kind AND x.grantee <> 0
        ) || ARRAY(
            SELECT format(
                'GRANT %%s ON %%s TO %%s%%s',
                x.privilege_type || x.columns,
                d.grant_name,
                CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END,
                CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' END
            )
            FROM (
                SELECT grantee, privilege_type, is_grantable, '' AS columns FROM pg_catalog.aclexplode(d.rights)
                UNION ALL
                SELECT x.grantee, x.privilege_type, x.is_grantable, format(' (%%I)', a.attname)
                FROM pg_catalog.pg_attribute AS a
                CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) AS x
                WHERE a.attrelid = d.relation
            ) AS x
        ),
        NULL
    )
FROM described AS d
ORDER BY d.depth, d.name
