-- The number of stays that depend on the lease of the process, and the sum of their sessions.
SELECT count(*), coalesce(sum(id), 0) FROM presence_open_stay WHERE process = %(name)s::text AND is_leased
