"""A day of history for the demo: the log as it would be if people had used the demo for the last 24 hours.

`people` has their names, `rooms` their stays in each room, and `crash` the effects of a server crash. `day` combines
them, and `seed` writes them into the log.
"""
