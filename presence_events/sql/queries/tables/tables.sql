-- What is wrong with tables themselves. The functions of the triggers run with the rights of the tables' owner.
SELECT expected.relation, found.fault
FROM unnest(%(tables)s::pg_catalog.text[]) AS expected (relation)
LEFT JOIN pg_catalog.pg_class AS class
    ON class.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.quote_ident(expected.relation))
CROSS JOIN LATERAL (
    SELECT 'does not exist'
    WHERE class.oid IS NULL
    UNION ALL
    SELECT 'is not permanent'
    WHERE class.relpersistence OPERATOR(pg_catalog.<>) 'p'::pg_catalog."char"
    UNION ALL
    SELECT pg_catalog.concat('has the rule ', pg_catalog.quote_ident(rulename), ', which changes what statements do')
    FROM pg_catalog.pg_rewrite
    WHERE ev_class OPERATOR(pg_catalog.=) class.oid AND rulename OPERATOR(pg_catalog.<>) '_RETURN'::pg_catalog.name
    UNION ALL
    SELECT pg_catalog.concat('has the child ', inhrelid::pg_catalog.regclass, ', whose rows count as its own')
    FROM pg_catalog.pg_inherits
    WHERE inhparent OPERATOR(pg_catalog.=) class.oid AND class.relkind OPERATOR(pg_catalog.<>) 'p'::pg_catalog."char"
    UNION ALL
    SELECT pg_catalog.concat(
        'is a child of ', inhparent::pg_catalog.regclass, ', and statements on that table do not fire its triggers'
    )
    FROM pg_catalog.pg_inherits
    WHERE inhrelid OPERATOR(pg_catalog.=) class.oid
    UNION ALL
    SELECT pg_catalog.concat('does not give its owner the right to ', privilege)
    FROM unnest(%(privileges)s::pg_catalog.text[]) AS needed (privilege)
    WHERE NOT pg_catalog.has_table_privilege(class.relowner, class.oid, privilege)
) AS found (fault)
ORDER BY expected.relation, found.fault
