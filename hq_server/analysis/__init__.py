"""Consolidated figures across branches."""
