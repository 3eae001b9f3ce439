SELECT channel_name, created_at, {alias}::text AS cluster FROM {server}.presence_room
