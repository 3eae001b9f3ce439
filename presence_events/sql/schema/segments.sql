-- The catalogue of the partitions of the log. Django does not manage this table: its test runner would empty it, and the
-- partitions would remain.
CREATE TABLE presence_segment (
    name text PRIMARY KEY,
    part text NOT NULL CHECK (part IN ('touches', 'stays')),
    first_day date,
    end_day date,
    state text NOT NULL CHECK (state IN ('open', 'closed', 'leaving', 'removed')),
    events bigint,
    first_id bigint,
    last_id bigint,
    first_at timestamptz,
    last_at timestamptz,
    first_since timestamptz
)
