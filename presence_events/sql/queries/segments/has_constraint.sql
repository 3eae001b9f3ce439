SELECT EXISTS (
    SELECT
    FROM pg_catalog.pg_constraint
    WHERE conrelid OPERATOR(pg_catalog.=) %(name)s::pg_catalog.regclass AND conname OPERATOR(pg_catalog.=) 'presence_ends'
)
