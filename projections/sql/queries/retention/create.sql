SELECT presence_create_segment(%(name)s)
