"""A database backend for databases that a test makes."""
