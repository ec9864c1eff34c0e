"""What every page and route of a node needs."""
