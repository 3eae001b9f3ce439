"""Segments: the partitions of the log.

The log has two parts: the touches, and the stays, which are all other events. Each part is divided into segments by the
day on which events were appended, in UTC. `preparing` creates segments ahead of need, and `closing` closes those whose
days are over. The last segment of a part has no end, so an append always finds a segment.

All of this needs the rights of the owner of the tables (`is_owner`). It may wait for locks, but appends wait for it no
longer than `statements.LOCK_TIMEOUT` at a time.
"""
