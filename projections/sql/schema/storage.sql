-- Room on each page for the new versions of touched rows, so that touches stay heap-only and leave the indexes alone.
ALTER TABLE presence SET (fillfactor = 70)
