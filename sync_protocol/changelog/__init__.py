"""Capture of changes, and sealing them into the batch chain."""
