-- What is wrong with the sequences that draw the keys of the fold. Each belongs to a table, in whose schema it is. The
-- fold draws with the rights of the table's owner.
SELECT expected.sequence, found.fault
FROM unnest(%(tables)s::pg_catalog.text[], %(sequences)s::pg_catalog.text[]) AS expected (relation, sequence)
JOIN pg_catalog.pg_class AS keyed
    ON keyed.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(pg_catalog.quote_ident(expected.relation))
LEFT JOIN (
    pg_catalog.pg_class AS class JOIN pg_catalog.pg_sequence ON seqrelid OPERATOR(pg_catalog.=) class.oid
)
    ON class.relname OPERATOR(pg_catalog.=) expected.sequence::pg_catalog.name
    AND class.relnamespace OPERATOR(pg_catalog.=) keyed.relnamespace
CROSS JOIN LATERAL (
    VALUES
        (class.oid IS NULL, 'does not exist'),
        (seqcache OPERATOR(pg_catalog.<>) 1, 'caches values, so keys are not in the order of changes'),
        (seqincrement OPERATOR(pg_catalog.<>) 1, 'does not count up by one'),
        (seqcycle, 'begins again after its last value'),
        (
            seqtypid OPERATOR(pg_catalog.<>) 'pg_catalog.int8'::pg_catalog.regtype
            OR seqmin OPERATOR(pg_catalog.<>) 1
            OR seqmax OPERATOR(pg_catalog.<>) 9223372036854775807,
            'has other limits than 1 and 9223372036854775807'
        ),
        (class.relpersistence OPERATOR(pg_catalog.<>) 'p'::pg_catalog."char", 'is not permanent'),
        (
            NOT pg_catalog.has_sequence_privilege(keyed.relowner, class.oid, 'USAGE'),
            'gives no value to the owner of the table'
        )
) AS found (is_found, fault)
WHERE found.is_found
ORDER BY expected.sequence, found.fault
