"""Migrations of a branch's database."""
