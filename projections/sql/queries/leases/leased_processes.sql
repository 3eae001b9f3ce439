-- The processes on whose leases stays are, as a part of WITH RECURSIVE. Each step finds the next process in the index of
-- leases, so the number of stays does not matter.
leased_process (name) AS (
    (SELECT process FROM presence_open_stay WHERE is_leased ORDER BY process LIMIT 1)
    UNION ALL
    SELECT (
        SELECT p.process
        FROM presence_open_stay AS p
        WHERE p.is_leased AND p.process > leased_process.name
        ORDER BY p.process
        LIMIT 1
    )
    FROM leased_process
    WHERE leased_process.name IS NOT NULL
)
