-- Names the log: the cluster with its timeline, the database and the table. Marks of another log are of no use.
SELECT concat_ws(
    ' ',
    (SELECT system_identifier FROM pg_control_system()),
    CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END,
    (SELECT oid FROM pg_database WHERE datname = current_database()),
    'presence_event'::regclass::oid
)
