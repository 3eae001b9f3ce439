SELECT coalesce(min(id), 1) FROM presence_event WHERE {events}
