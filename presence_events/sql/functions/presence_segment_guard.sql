-- The trigger function of single partitions of the log. Statements go through the log itself: only there do they meet its
-- other triggers and the locks that readers of the log look at.
CREATE FUNCTION presence_segment_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
-- include presence_events triggers/test_databases
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: it is a part of the presence log, which is append-only', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Append to presence_event. To remove old events, see docs/retention.md.';
END;
$$
