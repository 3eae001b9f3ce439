-- An annotation is final, apart from its author: erasure puts a pseudonym in place of the key, and removes the name.
BEGIN
    IF OLD.author_name IS NOT NULL AND NEW.author_name IS NULL
        AND (pg_catalog.to_jsonb(OLD) OPERATOR(pg_catalog.-) '{author,author_name}'::pg_catalog.text[])
            OPERATOR(pg_catalog.=)
            (pg_catalog.to_jsonb(NEW) OPERATOR(pg_catalog.-) '{author,author_name}'::pg_catalog.text[])
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'integrity_constraint_violation',
        MESSAGE = 'UPDATE on presence_report_annotation is refused: an annotation is final, apart from its author',
        HINT = 'To correct it, add another one: projections.final_reports.annotating.annotate.';
END;
