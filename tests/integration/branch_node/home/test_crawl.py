"""Every kind of staff follows every link its pages offer: none is refused, and none tells what the kind may not see."""

import pytest

from shared.rights.vocabulary import StaffKind
from tests.support.crawling import crawl

CANARY = "金丝雀"
PHONE = "13987650042"


@pytest.mark.parametrize("kind", [StaffKind.ACCOUNT_MANAGER, StaffKind.SERVICE, StaffKind.ADMINISTRATOR])
def test_no_link_is_refused_and_nothing_of_other_peoples_customers_is_told(
    kind, app, rows, make_user, sign_in
):
    mine, other = rows.manager(name="我自己"), rows.manager()
    rows.work_log(mine, customer_id=rows.customer(name="我的客户", manager_id=mine))
    foreign = rows.customer(name=CANARY, mobile=PHONE, manager_id=other, remark=CANARY)
    rows.bill_line(foreign, remark=CANARY)
    rows.work_log(other, customer_id=foreign, text=CANARY)
    make_user("wang", kind, manager_id=mine if kind is StaffKind.ACCOUNT_MANAGER else None)

    refused, telling, opened = crawl(app, sign_in("wang"), CANARY, PHONE)

    assert opened > 5
    assert refused == []
    assert telling == []


def test_a_branch_managers_links_all_open(app, rows, browser):
    manager = rows.manager()
    customer = rows.customer(manager_id=manager)
    rows.bill_line(customer)
    rows.work_log(manager, customer_id=customer)

    refused, _telling, opened = crawl(app, browser)

    assert opened > 20
    assert refused == []
