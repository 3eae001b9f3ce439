-- Of each position, how many events after it have to be delivered, whether there may be more, and since when the first of
-- them waits. Touches by which nothing changed but the time are not delivered, and there is no index without them: so
-- only a stretch of the log is looked at. If nothing is found in it, what comes after it counts as waiting.
SELECT
    lag.count,
    lag.count > %(counted)s OR beyond.at IS NOT NULL,
    greatest(coalesce(extract(epoch FROM statement_timestamp() - coalesce(lag.at, beyond.at)), 0), 0)::float8
FROM unnest(%(positions)s::bigint[]) WITH ORDINALITY AS mark (position, number)
CROSS JOIN LATERAL (
    WITH waiting AS MATERIALIZED (
        SELECT id, at FROM presence_event
        WHERE id > mark.position AND id <= mark.position + %(stretch)s AND (kind <> 'touch' OR data IS NOT NULL)
        ORDER BY id
        LIMIT %(counted)s + 1
    )
    SELECT count(*) AS count, (SELECT at FROM waiting ORDER BY id LIMIT 1) AS at FROM waiting
) AS lag
LEFT JOIN LATERAL (
    SELECT at FROM presence_event WHERE id > mark.position + %(stretch)s ORDER BY id LIMIT 1
) AS beyond ON true
ORDER BY mark.number
