"""What the tables are made of: column types, indexes, triggers and migration operations."""
