"""Archives of customers: every version of a file, how complete it is, and the retained archive that is only read."""
