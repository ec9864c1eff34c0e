"""Customers across all branches."""
