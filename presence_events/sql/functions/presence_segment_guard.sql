-- The trigger function of single partitions of the log. Statements go through the log itself: only there do they meet its
-- other triggers and the locks that readers of the log look at.
--
-- An UPDATE is admitted in a transaction that has recorded an erasure of this partition. Only the owner can record one. The
-- trigger erased_only then looks at each row.
CREATE FUNCTION presence_segment_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_recorded pg_catalog.bool;
BEGIN
-- include presence_events triggers/test_databases
    IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL THEN
        EXECUTE pg_catalog.format(
            'SELECT EXISTS (
                SELECT FROM %I.presence_erasure
                WHERE tx OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id()
                    AND at OPERATOR(pg_catalog.=) pg_catalog.transaction_timestamp()
                    AND segment OPERATOR(pg_catalog.=) %L
            )',
            TG_TABLE_SCHEMA, TG_TABLE_NAME
        ) INTO is_recorded;
        IF is_recorded THEN
            RETURN NULL;
        END IF;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = pg_catalog.format(
            '%s on %s is refused: it is a part of the presence log, which is append-only', TG_OP, TG_TABLE_NAME
        ),
        HINT = 'Append to presence_event. To remove old events, see Retention in the documentation.';
END;
$$
