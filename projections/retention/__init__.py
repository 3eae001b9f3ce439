"""Retention: removes old segments of the log, as ``CHANNELS_PRESENCE_RETENTION`` says.

`limits` finds the segments that may go, and what stops the others. `moving` moves the baseline of the replay forward.
`removing` brings them together: it records the removal, and detaches and drops the segments.
"""
