-- Creates a segment: the partition of one part of the log (touches or stays) for the days from first_day (included) to
-- end_day (excluded). NULL is the beginning, and no end. Returns its name.
CREATE FUNCTION presence_make_segment(part text, first_day date, end_day date)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name pg_catalog.text := pg_catalog.concat(
        'presence_event_', part, '_', coalesce(pg_catalog.to_char(first_day, 'YYYY_MM_DD'), 'first')
    );
BEGIN
    PERFORM presence_create_segment(name);
    PERFORM presence_attach_segment(name, part, first_day, end_day);
    INSERT INTO presence_segment (name, part, first_day, end_day, state) VALUES (name, part, first_day, end_day, 'open');
    RETURN name;
END;
$$
