"""Rosters: the people in a room, live in the browser. `docs/roster-protocol.md` specifies the messages."""
