-- Segments in which more events are erased than the records say, or in which erased events have data: with the numbers of
-- erased events, of recorded ones, and of those with data. Files of the archive count for a segment that was restored.
WITH erased AS (
    SELECT tableoid::regclass::text AS segment, count(*) AS events, count(*) FILTER (WHERE data <> '{}') AS with_data
    FROM presence_event
    WHERE commitment IS NOT NULL
    GROUP BY 1
), recorded AS (
    SELECT erased.segment, erased.events, coalesce(sum(record.events), 0)::bigint AS recorded, erased.with_data
    FROM erased
    LEFT JOIN presence_erasure AS record
        ON record.segment = erased.segment
        OR record.segment LIKE '%.parquet'
            AND EXISTS (SELECT FROM presence_removal AS removal WHERE removal.segment = erased.segment)
    GROUP BY 1, 2, 4
)
SELECT segment, events, recorded, with_data
FROM recorded
WHERE events > recorded OR with_data > 0
ORDER BY segment
