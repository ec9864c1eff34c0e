"""Records sent to head office once more, in their present version: a table, a range, a batch, one record."""
