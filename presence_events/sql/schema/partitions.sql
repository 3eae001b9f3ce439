-- Makes the log, which Django has created as a plain and empty table, a partitioned one. Touches are apart from the other
-- events, because they can be dropped earlier. Each part is divided into segments by the day of appending.
--
-- The day is the default of a column, because PostgreSQL chooses the partition of a row before the BEFORE triggers run:
-- they draw the position and read the time too late.
ALTER TABLE presence_event RENAME TO presence_event_plain;
CREATE TABLE presence_event (
    LIKE presence_event_plain INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS INCLUDING STORAGE
) PARTITION BY LIST (kind);
DROP TABLE presence_event_plain;
CREATE TABLE presence_event_touches PARTITION OF presence_event FOR VALUES IN ('touch') PARTITION BY RANGE (day);
CREATE TABLE presence_event_stays PARTITION OF presence_event FOR VALUES IN ('join', 'leave', 'prune') PARTITION BY RANGE (day);
CREATE TRIGGER presence_segment_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON presence_event_touches
    FOR EACH STATEMENT EXECUTE FUNCTION presence_segment_guard();
CREATE TRIGGER presence_segment_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON presence_event_stays
    FOR EACH STATEMENT EXECUTE FUNCTION presence_segment_guard()
