"""Who did what, kept in the transaction that did it."""
