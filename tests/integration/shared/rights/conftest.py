"""Rights are tried over the tables of a branch."""

from tests.support.branch import database, rows, sessions

__all__ = ["database", "rows", "sessions"]
