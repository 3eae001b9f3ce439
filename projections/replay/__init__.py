"""Folds the log again: to compare and repair the projections, for earlier states, and for other settings."""
