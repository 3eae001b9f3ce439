"""The present: who is connected right now, folded from the log by triggers.

The drop-in for ``channels_presence``: the same modules, the same names inside.
"""
