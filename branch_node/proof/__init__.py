"""Proving that head office holds what this branch holds: when a comparison is due, and what came of it."""
