"""Personal data that leaves the node as a file: for a reason, within bounds, marked, and on record."""
