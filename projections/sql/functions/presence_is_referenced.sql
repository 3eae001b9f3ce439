-- Returns whether a foreign key of another row prevents the deletion of a row of relation: the one with this key, as
-- text, in key_column, which is the primary key.
--
-- Foreign keys that delete or change the other row in the database prevent nothing. The function runs with the rights of
-- its caller, and other roles may own the other table. It therefore does not read that table, and the row counts as
-- referenced, in these cases:
--
-- - The caller may not read the table, or not use its schema.
-- - Row-level security hides rows from the caller. A policy is also code of the owner of the table.
-- - Planning or running the query could call other code of that owner, and the owner does not have the rights of the
--   caller or of the owner of relation: PostgreSQL evaluates parts of the expressions of indexes, constraints and
--   statistics, and the casts of the referring columns.
CREATE FUNCTION presence_is_referenced(relation regclass, key_column name, key text)
RETURNS boolean LANGUAGE plpgsql COST 10000 AS $$
DECLARE
    foreign_key record;
    source text;
    may_have_foreign_code boolean;
    is_found boolean;
BEGIN
    -- The triggers of a constraint have an index on their table. Constraints have none on the referenced table.
    FOR foreign_key IN
        SELECT
            c.conrelid,
            c.conkey,
            pg_catalog.string_agg(
                pg_catalog.concat(
                    pg_catalog.format('f.%I OPERATOR(pg_catalog.=) t.%I', own.attname, other.attname),
                    (
                        SELECT pg_catalog.format(' COLLATE %I.%I', n.nspname, l.collname)
                        FROM pg_catalog.pg_collation AS l
                        JOIN pg_catalog.pg_namespace AS n ON n.oid = l.collnamespace
                        WHERE l.oid = other.attcollation
                    )
                ),
                ' AND '
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
        GROUP BY c.oid, c.conrelid, c.conkey
    LOOP
        SELECT
            pg_catalog.concat(CASE WHEN c.relkind = 'r'::"char" THEN 'ONLY ' END, c.oid::regclass),
            c.relkind = 'p'::"char" OR NOT pg_catalog.pg_has_role(c.relowner, current_user, 'USAGE')
        INTO source, may_have_foreign_code
        FROM pg_catalog.pg_class AS c
        WHERE c.oid = foreign_key.conrelid
            AND pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')
            AND pg_catalog.has_table_privilege(c.oid, 'SELECT');
        IF source IS NULL THEN
            RETURN true;
        END IF;
        -- Policies cannot change while the table is locked.
        EXECUTE pg_catalog.format('LOCK TABLE %s IN ACCESS SHARE MODE', source);
        IF pg_catalog.row_security_active(foreign_key.conrelid) THEN
            RETURN true;
        END IF;
        -- Built-in objects have no entries in pg_depend. Partitions can have owners of their own.
        IF may_have_foreign_code AND EXISTS (
            SELECT
            FROM pg_catalog.pg_class AS c
            CROSS JOIN LATERAL (
                SELECT 'pg_catalog.pg_class'::regclass::oid AS classid, c.oid AS objid
                UNION ALL SELECT 'pg_catalog.pg_class'::regclass::oid, i.indexrelid
                FROM pg_catalog.pg_index AS i WHERE i.indrelid = c.oid
                UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass::oid, o.oid
                FROM pg_catalog.pg_constraint AS o WHERE o.conrelid = c.oid
                UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::regclass::oid, s.oid
                FROM pg_catalog.pg_statistic_ext AS s WHERE s.stxrelid = c.oid
            ) AS part
            JOIN pg_catalog.pg_depend AS d ON d.classid = part.classid AND d.objid = part.objid
            WHERE (
                    c.oid = foreign_key.conrelid
                    OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(foreign_key.conrelid) AS p)
                )
                AND NOT pg_catalog.pg_has_role(c.relowner, current_user, 'USAGE')
                AND NOT pg_catalog.pg_has_role(
                    c.relowner, (SELECT r.relowner FROM pg_catalog.pg_class AS r WHERE r.oid = relation::oid), 'USAGE'
                )
                AND (
                    d.refclassid = ANY (
                        '{pg_catalog.pg_proc,pg_catalog.pg_operator,pg_catalog.pg_opclass}'::regclass[]::oid[]
                    )
                    OR d.refclassid = 'pg_catalog.pg_type'::regclass::oid
                        AND part.objid = foreign_key.conrelid
                        AND d.objsubid = ANY (foreign_key.conkey)
                )
        ) THEN
            RETURN true;
        END IF;
        EXECUTE pg_catalog.format(
            'SELECT EXISTS (SELECT FROM %s AS f JOIN %s AS t ON %s WHERE t.%I OPERATOR(pg_catalog.=) $1::%s)',
            source,
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
