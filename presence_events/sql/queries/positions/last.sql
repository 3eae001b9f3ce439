(SELECT id FROM presence_event WHERE {part} ORDER BY id DESC LIMIT 1)
