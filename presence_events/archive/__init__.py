"""An archive of the log: Parquet files for each day, which other programs can read without the database.

A day of the archive is a range of positions. It begins with the first event after midnight, in UTC, and ends before the
first event of the next day. The ranges of consecutive days adjoin, so each event is in one day, even if clocks were
set. Each day has a file of joins, leaves and prunes, a file of touches, and a manifest, which is written last.
"""
