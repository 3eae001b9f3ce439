"""The project that the servers run: a room for whoever asks, and everyone in it is told who is there."""
