"""Servers and sockets that run an echo consumer, with and without presence."""
