"""The live WebSocket connections of a server process: their rooms, heartbeat, eviction and end.

The modules from low to high: `stopwatch`, `verdict`, `background`, `drain` < `connection` < `async_connection`,
`sync_connection`, `registry` < `review`, `regroup` < `heartbeat` < `live_loop`. Imports go down only.
"""
