"""A deployment whose servers reach their database over a network that delays, loses and interrupts.

The network is a `Relay` of TCP connections, which runs anywhere, or a `Link` between two network namespaces, which
needs Linux and the rights to create these.
"""
