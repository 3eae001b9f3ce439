(SELECT id FROM presence_event WHERE {part} ORDER BY id LIMIT 1)
