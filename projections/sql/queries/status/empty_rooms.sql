-- The share of empty rooms in a sample of the rooms, which is a percentage of the pages of their table. Null if the sample
-- has none. The LIMIT makes PostgreSQL look each room up, instead of reading all presences.
SELECT avg(((SELECT true FROM presence_open_stay AS p WHERE p.room = r.channel_name LIMIT 1) IS NULL)::int)::float8
FROM presence_room AS r TABLESAMPLE SYSTEM (%(percent)s)
