-- What PostgreSQL has of a segment: attached, pending (a DETACH that did not end), detached, or missing.
SELECT CASE
    WHEN class.oid IS NULL THEN 'missing'
    WHEN parent.inhparent IS NULL THEN 'detached'
    WHEN parent.inhdetachpending THEN 'pending'
    ELSE 'attached'
END
FROM (SELECT pg_catalog.to_regclass(%(name)s)) AS class (oid)
LEFT JOIN pg_catalog.pg_inherits AS parent ON parent.inhrelid = class.oid
