"""Tracked units of all branches: a number looked for everywhere, and how far recalls have come."""
