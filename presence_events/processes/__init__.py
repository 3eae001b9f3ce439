"""Server processes: their names, and the registry that keeps them alive."""
