"""The database of a node: SQLite by default, PostgreSQL by URL, the same behaviour on both."""
