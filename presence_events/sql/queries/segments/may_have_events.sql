-- Whether an open segment may have events. Days that come after tomorrow, or after the earliest day of appends, have none
-- as long as their segment takes no space: appends would have been directed there by a clock that was set back since.
first_day IS NULL
OR first_day <= 1 + greatest(
    (clock_timestamp() AT TIME ZONE 'UTC')::date,
    (SELECT max(closed.end_day) FROM presence_segment AS closed WHERE closed.state = 'closed')
)
OR pg_relation_size(to_regclass(quote_ident(name))) > 0
