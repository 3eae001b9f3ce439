SELECT presence_end_erasure(%(person)s)
