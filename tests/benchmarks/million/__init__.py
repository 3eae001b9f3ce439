"""Simulates up to a million connections on one PostgreSQL, without sockets: ``python -m tests.benchmarks.million``.

A thread pool stands for the server processes, as a connection pool in front of PostgreSQL does. Each simulated process
has a name, a lease and a queue of writes of its own, which are those of the library. A worker and the queries of an
application run beside it.
"""
