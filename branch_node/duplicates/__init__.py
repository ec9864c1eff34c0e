"""Customers entered twice: found as they are entered, imported and by the hour, and decided by people."""
