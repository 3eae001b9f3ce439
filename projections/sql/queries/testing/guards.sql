-- The functions of these triggers: as they are, and as they would let everything pass.
SELECT pg_get_functiondef(oid), replace(pg_get_functiondef(oid), prosrc, 'BEGIN RETURN NULL; END;')
FROM pg_proc
WHERE proname = ANY(%(names)s::text[]) AND pg_function_is_visible(oid)
