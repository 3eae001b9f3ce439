-- The time up to which a standby has everything that the primary had committed, or null on a primary. Every transaction that
-- had committed on the primary at the time of a commit record comes before that record in the WAL.
--
-- It is unknown, and so 1970, on a standby that has replayed no commit since it was started, and in a transaction with one
-- snapshot, which does not see what is replayed after that.
CASE WHEN pg_is_in_recovery() THEN coalesce(
    CASE WHEN current_setting('transaction_isolation') = 'read committed' THEN pg_last_xact_replay_timestamp() END,
    'epoch'
) END
