INSERT INTO presence_event (kind, room, channel_name, user_id, data, session)
{select}
RETURNING {columns}
