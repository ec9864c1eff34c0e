"""A branch's app with people in it, and bounds small enough to be reached."""

from datetime import timedelta

import pytest

from shared.exports.rules import ExportRules
from shared.web.exports.handing import RULES
from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = ["administrator", "app", "browser", "clock", "make_user", "sign_in"]


@pytest.fixture
def bounds(app):
    """Let one person take two rows alone and ten a day; what is approved is fetched twice within an hour."""
    rules = ExportRules(alone=2, a_day=10, lifetime=timedelta(hours=1), fetches=2)
    app.extensions[RULES] = lambda _session: rules


@pytest.fixture
def three(rows):
    """Three customers with contact data."""
    return [
        rows.customer(customer_no=f"K-{n}", name=f"客户{n}", mobile=f"1381234000{n}", remark=None)
        for n in range(3)
    ]


@pytest.fixture
def approver(make_user, sign_in):
    """A second branch manager."""
    make_user("chen")
    second = sign_in("chen")
    second.prove("chen")
    return second
