SELECT pg_catalog.pg_has_role(relowner, 'USAGE')
FROM pg_catalog.pg_class
WHERE oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass
