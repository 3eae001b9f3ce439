"""Everything at once, as real processes, while its parts are killed, frozen and restarted.

Two ASGI servers, two workers, a PostgreSQL, a Valkey, and clients by the hundred who connect again whenever they are
thrown out. One part at a time comes to grief; then everything has to be right again, in time.
"""
