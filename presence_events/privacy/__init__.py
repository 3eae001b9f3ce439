"""Recording less: pseudonyms, connections without users, no data, and hidden connections."""
