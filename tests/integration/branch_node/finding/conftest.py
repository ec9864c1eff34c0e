"""The whole app, signed in."""

from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = ["administrator", "app", "browser", "clock", "make_user", "sign_in"]
