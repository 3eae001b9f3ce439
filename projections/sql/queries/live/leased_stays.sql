-- The stays that depend on the lease of the process.
SELECT id, room, channel_name FROM presence_open_stay WHERE process = %(name)s::text AND is_leased
