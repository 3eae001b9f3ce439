"""The presence log: an append-only table of joins, touches, leaves and prunes.

This package never imports the projections, which are folded from the log.
"""

__version__ = "0.1.0"
