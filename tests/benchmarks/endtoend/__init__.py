"""Real servers with real sockets: an echo without presence, and the same with it."""
