"""The live WebSocket connections of a server process: their rooms, heartbeat, eviction and end.

The modules from low to high: `stopwatch`, `joined`, `verdict`, `background`, `drain` < `connection` <
`async_connection`, `sync_connection`, `registry` < `missing_stays`, `regroup` < `heartbeat` < `live_database` <
`live_loop`. `hand_made` is for connections without a mixin. Imports go down only.
"""
