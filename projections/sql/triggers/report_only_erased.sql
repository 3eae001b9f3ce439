-- A report is final, apart from whom it names: erasure puts a pseudonym in place of the key of a person, and removes the
-- name. The figures of the person stay, and so does the order of the rows.
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM pg_catalog.jsonb_array_elements(OLD.rows) WITH ORDINALITY AS before (part, number)
        FULL JOIN pg_catalog.jsonb_array_elements(NEW.rows) WITH ORDINALITY AS after (part, number)
            ON after.number OPERATOR(pg_catalog.=) before.number
        WHERE NOT coalesce(
            before.part OPERATOR(pg_catalog.=) after.part
                OR before.part OPERATOR(pg_catalog.->>) 'name'::pg_catalog.text IS NOT NULL
                AND after.part OPERATOR(pg_catalog.->) 'name'::pg_catalog.text
                    OPERATOR(pg_catalog.=) 'null'::pg_catalog.jsonb
                AND (before.part OPERATOR(pg_catalog.-) '{user_id,name}'::pg_catalog.text[])
                    OPERATOR(pg_catalog.=) (after.part OPERATOR(pg_catalog.-) '{user_id,name}'::pg_catalog.text[]),
            false
        )
    ) AND (pg_catalog.to_jsonb(OLD) OPERATOR(pg_catalog.-) 'rows'::pg_catalog.text)
        OPERATOR(pg_catalog.=) (pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) 'rows'::pg_catalog.text)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'UPDATE on presence_attendance_report is refused: a report is final, apart from the erasure of a person',
        HINT = 'To correct a report, add an annotation: projections.final_reports.annotating.annotate.';
END;
