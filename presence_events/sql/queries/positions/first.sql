SELECT coalesce(min(id), 1) FROM ({parts}) AS part (id)
