"""A branch's app with people in it, and rules that head office has published."""

from tests.integration.branch_node.inbound.conftest import publish
from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = ["administrator", "app", "browser", "clock", "make_user", "publish", "sign_in"]
