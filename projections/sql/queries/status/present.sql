-- How many people, anonymous connections and connections are present, and how many rooms are empty. It reads all presences.
SELECT
    (SELECT count(*) FROM (SELECT DISTINCT user_id FROM presence_open_stay WHERE user_id IS NOT NULL) AS present_user),
    (SELECT count(*) FROM presence_open_stay WHERE user_id IS NULL),
    (SELECT count(*) FROM presence_open_stay),
    (
        SELECT count(*) FROM presence_room AS room
        WHERE NOT EXISTS (SELECT FROM presence_open_stay AS p WHERE p.room = room.channel_name)
    )
