-- The expected triggers that do not fire, by their number in the parameters, and the reason for each.
SELECT expected.number, found.obstacle
FROM unnest(%(tables)s::text[], %(names)s::text[]) WITH ORDINALITY AS expected (relation, name, number)
LEFT JOIN pg_trigger AS installed
    ON installed.tgrelid = to_regclass(quote_ident(expected.relation)) AND installed.tgname = expected.name
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN installed.tgname IS NULL THEN 'missing'
        WHEN installed.tgenabled = 'D' THEN 'disabled'
        WHEN installed.tgenabled = 'A' THEN NULL
        WHEN (installed.tgenabled = 'R') <> (current_setting('session_replication_role') = 'replica')
            THEN 'switched off by session_replication_role'
    END AS obstacle
) AS found
WHERE found.obstacle IS NOT NULL
ORDER BY expected.number
