-- The secrets of daily pseudonyms. The table is not in the write-ahead log, and so in no replica and in no base backup.
-- After a crash of PostgreSQL it is empty, and the day goes on with another secret.
CREATE UNLOGGED TABLE presence_pseudonym_key (day date PRIMARY KEY, secret bytea NOT NULL);
-- PostgreSQL soon overwrites the secrets that have been deleted.
ALTER TABLE presence_pseudonym_key SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0)
