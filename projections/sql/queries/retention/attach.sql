SELECT presence_attach_segment(%(name)s, %(part)s, %(first_day)s::date, %(end_day)s::date)
