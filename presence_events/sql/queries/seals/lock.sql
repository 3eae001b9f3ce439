SELECT
-- include presence_events queries/seals/lock_call
