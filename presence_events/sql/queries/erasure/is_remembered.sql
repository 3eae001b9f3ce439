            -- The event is of a stay without history, and has a user or data. The index presence_event_remembered has these.
            AND session OPERATOR(pg_catalog.<) 0 AND commitment IS NULL AND (user_id IS NOT NULL OR data IS NOT NULL)
