"""A whole deployment as real processes, parts of which are killed, frozen and restarted under load.

It consists of two ASGI servers, two workers, a PostgreSQL, a Valkey, and hundreds of clients that reconnect whenever
they lose their connection. One part at a time fails; then everything has to be correct again within a time limit.
"""
