-- How many events of each kind a segment has.
SELECT kind, count(*) FROM {segment} GROUP BY kind ORDER BY kind
