"""Finding customers entered twice: pure comparison, without a database."""
