SELECT presence_forget_stays(clock_timestamp() - make_interval(secs => %(min_age)s), %(at_most)s, %(operator)s)
