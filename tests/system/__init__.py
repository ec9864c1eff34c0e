"""Whole systems: two apps or more, and a bad line between them."""
