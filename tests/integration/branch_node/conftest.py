"""What every test of a branch's slices may ask for."""

from tests.support.branch import database, rows, sessions

__all__ = ["database", "rows", "sessions"]
