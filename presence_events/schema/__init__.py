"""Column types, indexes and triggers of the tables."""
