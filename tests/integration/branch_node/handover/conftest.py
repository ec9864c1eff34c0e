"""What tests of hand-overs share."""

from tests.support.branch import database, rows, sessions
from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = ["administrator", "app", "browser", "clock", "database", "make_user", "rows", "sessions", "sign_in"]
