-- Makes a table of presence_create_segment the partition of one part of the log for these days, and guards it. From then on
-- it accepts no statements of its own.
--
-- ATTACH locks less than CREATE TABLE PARTITION OF: appends go on.
CREATE FUNCTION presence_attach_segment(name text, part text, first_day date, end_day date)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    schema pg_catalog.text;
    index record;
BEGIN
    SELECT n.nspname INTO STRICT schema
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass;
    EXECUTE pg_catalog.format(
        'CREATE TRIGGER presence_segment_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %1$I.%2$I
            FOR EACH STATEMENT EXECUTE FUNCTION %1$I.presence_segment_guard();
        ALTER TABLE %1$I.%3$I ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%4$s) TO (%5$s)',
        schema,
        name,
        pg_catalog.concat('presence_event_', part),
        coalesce(pg_catalog.quote_literal(first_day), 'MINVALUE'),
        coalesce(pg_catalog.quote_literal(end_day), 'MAXVALUE')
    );
    -- Plans show the names of indexes. These are the names of the log's indexes, with that of the segment in front.
    FOR index IN
        SELECT
            indexrelid::pg_catalog.regclass AS own,
            pg_catalog.concat(name, pg_catalog.substr(root.relname, pg_catalog.length('presence_event') + 1)) AS name
        FROM pg_catalog.pg_index
        JOIN pg_catalog.pg_class AS root
            ON root.oid OPERATOR(pg_catalog.=) pg_catalog.pg_partition_root(indexrelid)::pg_catalog.oid
        WHERE indrelid OPERATOR(pg_catalog.=) pg_catalog.format('%I.%I', schema, name)::pg_catalog.regclass
            AND NOT indisprimary
    LOOP
        EXECUTE pg_catalog.format('ALTER INDEX %s RENAME TO %I', index.own, index.name);
    END LOOP;
END;
$$
