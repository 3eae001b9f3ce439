SELECT coalesce(max(id), 0) + 1 FROM presence_event WHERE {events}
