-- Returns whether a foreign key of another row prevents the deletion of a row of relation: the one with this key, as
-- text, in key_column, which is the primary key.
--
-- Foreign keys that delete or change the other row in the database prevent nothing. If the caller may not read the other
-- table, the row counts as referenced. The function runs with the rights of its caller.
CREATE FUNCTION presence_is_referenced(relation regclass, key_column name, key text)
RETURNS boolean LANGUAGE plpgsql COST 10000 AS $$
DECLARE
    foreign_key record;
    is_found boolean;
BEGIN
    -- The triggers of a constraint have an index on their table. Constraints have none on the referenced table.
    FOR foreign_key IN
        SELECT
            c.conrelid,
            pg_catalog.string_agg(
                pg_catalog.format('f.%I OPERATOR(pg_catalog.=) t.%I', own.attname, other.attname), ' AND '
            ) AS condition
        FROM (
            SELECT DISTINCT t.tgconstraint
            FROM pg_catalog.pg_trigger AS t
            WHERE t.tgrelid = relation::oid AND t.tgconstraint <> 0::oid
        ) AS found
        JOIN pg_catalog.pg_constraint AS c ON c.oid = found.tgconstraint
        CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(c.conkey), pg_catalog.unnest(c.confkey)) AS pair (own, other)
        JOIN pg_catalog.pg_attribute AS own ON own.attrelid = c.conrelid AND own.attnum = pair.own
        JOIN pg_catalog.pg_attribute AS other ON other.attrelid = c.confrelid AND other.attnum = pair.other
        WHERE c.contype = 'f'::"char"
            AND c.confrelid = relation::oid
            AND c.conparentid = 0::oid
            AND c.confdeltype = ANY ('{a,r}'::"char"[])
        GROUP BY c.oid, c.conrelid
    LOOP
        IF NOT pg_catalog.has_table_privilege(foreign_key.conrelid, 'SELECT') THEN
            RETURN true;
        END IF;
        EXECUTE pg_catalog.format(
            'SELECT EXISTS (SELECT FROM %s AS f JOIN %s AS t ON %s WHERE t.%I OPERATOR(pg_catalog.=) $1::%s)',
            foreign_key.conrelid::regclass,
            relation,
            foreign_key.condition,
            key_column,
            (
                SELECT pg_catalog.format_type(a.atttypid, a.atttypmod)
                FROM pg_catalog.pg_attribute AS a
                WHERE a.attrelid = relation::oid AND a.attname = key_column
            )
        )
        INTO is_found
        USING key;
        IF is_found THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END;
$$
