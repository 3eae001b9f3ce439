"""A day in the past of the demo: what would be in the log if people had been here for the last 24 hours.

`people` says who they are, `rooms` what they did in each room, `crash` what the server did to them, `day` puts it
together, and `seed` puts it into the log.
"""
