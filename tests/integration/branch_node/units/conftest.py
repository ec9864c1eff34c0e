"""A branch's app with people in it, customers with account managers, and what head office has published."""

import pytest

from tests.integration.branch_node.inbound.conftest import publish
from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = ["administrator", "app", "browser", "clock", "make_user", "publish", "sign_in"]


@pytest.fixture
def people(rows):
    """Two account managers with a customer each: (manager, customer) of Mei, then of Li."""
    mei, li = rows.manager(name="梅"), rows.manager(name="李雷")
    zhang = rows.customer(name="张伟", customer_no="K-1", manager_id=mei)
    wang = rows.customer(name="孙丽", customer_no="K-2", manager_id=li)
    return (mei, zhang), (li, wang)
