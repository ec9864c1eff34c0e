"""Closing days: a manifest of what was entered, for head office to match."""
