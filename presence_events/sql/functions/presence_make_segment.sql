-- Creates a segment: the partition of one part of the log (touches or stays) for the days from first_day (included) to
-- end_day (excluded). NULL is the beginning, and no end. Returns its name.
--
-- ATTACH locks less than CREATE TABLE PARTITION OF: appends go on.
CREATE FUNCTION presence_make_segment(part text, first_day date, end_day date)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name pg_catalog.text := pg_catalog.concat(
        'presence_event_', part, '_', coalesce(pg_catalog.to_char(first_day, 'YYYY_MM_DD'), 'first')
    );
    schema pg_catalog.text;
BEGIN
    SELECT n.nspname INTO STRICT schema
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) 'presence_event'::pg_catalog.regclass;
    EXECUTE pg_catalog.format(
        'CREATE TABLE %1$I.%2$I (LIKE %1$I.presence_event INCLUDING ALL);
        ALTER TABLE %1$I.%2$I ADD PRIMARY KEY (id);
        CREATE TRIGGER presence_segment_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %1$I.%2$I
            FOR EACH STATEMENT EXECUTE FUNCTION %1$I.presence_segment_guard();
        ALTER TABLE %1$I.%3$I ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%4$s) TO (%5$s)',
        schema,
        name,
        pg_catalog.concat('presence_event_', part),
        coalesce(pg_catalog.quote_literal(first_day), 'MINVALUE'),
        coalesce(pg_catalog.quote_literal(end_day), 'MAXVALUE')
    );
    INSERT INTO presence_segment (name, part, first_day, end_day, state) VALUES (name, part, first_day, end_day, 'open');
    RETURN name;
END;
$$
