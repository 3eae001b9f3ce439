SELECT presence_erase_projections(%(person)s, %(excluded)s::bigint[])
