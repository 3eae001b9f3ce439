-- The trigger function of single partitions of the log. Statements go through the log itself: only there do they meet its
-- other triggers and the locks that readers of the log look at.
CREATE FUNCTION presence_segment_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Django's test runner truncates test databases. presence_events.test_databases marks the connections to them.
    IF TG_OP OPERATOR(pg_catalog.=) 'TRUNCATE' AND pg_catalog.current_setting('presence_events.test_database', true)
        OPERATOR(pg_catalog.=) pg_catalog.current_database()
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: it is a part of the presence log, which is append-only', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Append to presence_event. To remove old events, see docs/retention.md.';
END;
$$
