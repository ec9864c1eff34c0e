"""The tables branches fill."""
