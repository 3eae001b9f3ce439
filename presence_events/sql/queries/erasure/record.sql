SELECT presence_record_erasure(%(file)s, %(events)s, %(operator)s)
