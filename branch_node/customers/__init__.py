"""Customers of this branch: register, find, change."""
