-- Leaves half of each page free for new versions of touched rows. Touches then stay heap-only and write no index, even if
-- one statement touches every row.
ALTER TABLE presence_open_stay SET (fillfactor = 50)
