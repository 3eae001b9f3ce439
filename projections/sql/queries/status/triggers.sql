-- What keeps triggers from firing, of those that it keeps.
SELECT expected.number, found.obstacle
FROM unnest(%(tables)s::text[], %(names)s::text[]) WITH ORDINALITY AS expected (relation, name, number)
LEFT JOIN pg_trigger AS there
    ON there.tgrelid = to_regclass(quote_ident(expected.relation)) AND there.tgname = expected.name
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN there.tgname IS NULL THEN 'missing'
        WHEN there.tgenabled = 'D' THEN 'disabled'
        WHEN there.tgenabled = 'A' THEN NULL
        WHEN (there.tgenabled = 'R') <> (current_setting('session_replication_role') = 'replica')
            THEN 'switched off by session_replication_role'
    END AS obstacle
) AS found
WHERE found.obstacle IS NOT NULL
ORDER BY expected.number
