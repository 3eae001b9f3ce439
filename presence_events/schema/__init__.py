"""Column types, indexes, triggers and migration operations of the tables."""
