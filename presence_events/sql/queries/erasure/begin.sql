SELECT presence_begin_erasure(%(person)s, %(pseudonym)s)
