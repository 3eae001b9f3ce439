-- Divides the last segment of a part of the log, which has no end, at each of these days. What it contains stays where it
-- is, in front of the first of them. The caller has set lock_timeout: this waits for the queries of the log that run.
-- Raises check_violation if the segment has events of the first of these days or of later ones.
CREATE FUNCTION presence_divide_segment(part text, days date[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    last presence_segment;
BEGIN
    SELECT s.* INTO STRICT last
    FROM presence_segment AS s
    WHERE s.part OPERATOR(pg_catalog.=) presence_divide_segment.part
        AND s.end_day IS NULL AND s.state OPERATOR(pg_catalog.=) 'open'
    FOR UPDATE;
    EXECUTE pg_catalog.format(
        'ALTER TABLE %1$s DETACH PARTITION %2$s;
        ALTER TABLE %1$s ATTACH PARTITION %2$s FOR VALUES FROM (%3$s) TO (%4$L)',
        pg_catalog.concat('presence_event_', part)::pg_catalog.regclass,
        pg_catalog.quote_ident(last.name)::pg_catalog.regclass,
        coalesce(pg_catalog.quote_literal(last.first_day), 'MINVALUE'),
        days[1]
    );
    EXECUTE pg_catalog.format(
        'ALTER TABLE %s DROP CONSTRAINT IF EXISTS presence_ends', pg_catalog.quote_ident(last.name)::pg_catalog.regclass
    );
    UPDATE presence_segment AS s SET end_day = days[1] WHERE s.name OPERATOR(pg_catalog.=) last.name;
    FOR number IN 1 .. pg_catalog.cardinality(days) LOOP
        PERFORM presence_make_segment(part, days[number], days[number OPERATOR(pg_catalog.+) 1]);
    END LOOP;
END;
$$
