-- The first segments take everything. Maintenance divides them by day or by month.
SELECT presence_make_segment('touches', NULL, NULL), presence_make_segment('stays', NULL, NULL)
