"""The live WebSocket connections of this process: their rooms, their heartbeat, their end."""
