"""Migrations of head office's database."""
