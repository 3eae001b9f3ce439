-- Leaves free space on each page for new versions of touched rows. Touches then stay heap-only and write no index.
ALTER TABLE presence SET (fillfactor = 70)
