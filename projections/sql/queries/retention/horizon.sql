SELECT presence_horizon(%(part)s)
