"""Statistics of operations over all branches."""
