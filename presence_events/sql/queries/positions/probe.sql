(SELECT id, at FROM presence_event WHERE {part} AND id >= (b.low + b.high) / 2 ORDER BY id LIMIT 1)
