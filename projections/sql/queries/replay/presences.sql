-- The presences that were found in the log: by the positions of their joins, with when they were last touched and where
-- they last said something of themselves.
--
-- Of two stays of one connection in one room, the later counts: the first was lost from the table before it ended.
SELECT DISTINCT ON (j.room, j.channel_name)
    j.session AS id,
    j.room,
    j.channel_name,
    j.user_id,
    j.at AS joined_at,
    greatest(j.at, found.touched_at) AS last_seen,
    coalesce(said.data, j.data) AS data,
    j.process
FROM unnest(%(joins)s::bigint[], %(touched)s::timestamptz[], %(said)s::bigint[]) AS found (joined, touched_at, said)
JOIN presence_event AS j ON j.id = found.joined
LEFT JOIN presence_event AS said ON said.id = found.said
ORDER BY j.room, j.channel_name, j.id DESC
