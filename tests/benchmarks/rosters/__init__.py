"""Rosters beside the two ways that people write by hand: ``python -m tests.benchmarks.rosters``.

- ``roster``: ``presence_roster`` of the mixin.
- ``whole``: a receiver sends the whole list to the room with each change.
- ``each``: a receiver sends each change, and the page gets the list when it connects.
- ``none``: the mixin alone, for the throughput of echoes.

All run under one uvicorn with a channel layer in memory. The clients are WebSockets of one other process.
"""
