"""Statistics a branch computes of its own customers, one row a customer, month and currency."""
