-- For each position: how many later events are yet to be delivered, whether there may be more, and how many seconds the
-- first of them has been waiting.
--
-- Touches without data and events of processes are not delivered, and no index leaves them out. So the query reads only a limited range of the
-- log after each position. If the log goes on beyond that range, its next event counts as waiting.
SELECT
    undelivered.count,
    undelivered.count > %(counted)s OR beyond.at IS NOT NULL,
    greatest(
        coalesce(extract(epoch FROM statement_timestamp() - coalesce(undelivered.at, beyond.at)), 0), 0
    )::float8
FROM unnest(%(positions)s::bigint[]) WITH ORDINALITY AS mark (position, number)
CROSS JOIN LATERAL (
    WITH waiting AS MATERIALIZED (
        SELECT id, at FROM presence_event
        WHERE id > mark.position AND id <= mark.position + %(stretch)s AND (kind <> 'touch' OR data IS NOT NULL)
            AND room <> '' AND {segments}
        ORDER BY id
        LIMIT %(counted)s + 1
    )
    SELECT count(*) AS count, (SELECT at FROM waiting ORDER BY id LIMIT 1) AS at FROM waiting
) AS undelivered
LEFT JOIN LATERAL (
    SELECT at FROM presence_event WHERE id > mark.position + %(stretch)s AND {segments} ORDER BY id LIMIT 1
) AS beyond ON true
ORDER BY mark.number
