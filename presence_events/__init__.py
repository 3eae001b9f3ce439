"""The past: an append-only log of who joined, touched, left and was pruned.

This package knows nothing of the projections that are folded from the log and never imports them.
"""

__version__ = "0.1.0"
