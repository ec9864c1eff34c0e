"""Every kind of staff follows every link its pages offer: none is refused, and none tells what the kind may not see."""

import re
from collections import Counter
from html import unescape
from urllib.parse import urlsplit

import pytest

from shared.rights.vocabulary import StaffKind

# Of pages that differ in their record or filter only, as many are opened.
OF_A_VIEW = 2
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

    refused, telling, opened = crawl(app, sign_in("wang"))

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


def crawl(app, browser):
    """Return the links that were refused, the pages that tell a canary, and how many pages were opened."""
    waiting, seen, views = ["/home", "/account/profile"], set[str](), Counter[str]()
    refused, telling = [], []
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        answer = browser.get(path)
        if answer.status_code in {401, 403}:
            refused.append(path)
        if answer.location:
            waiting.append(answer.location)
        if CANARY.encode() in answer.data or PHONE.encode() in answer.data:
            telling.append(path)
        for link in links_of(answer):
            view = view_of(app, link)
            if view is not None and link not in seen and views[view] < OF_A_VIEW:
                views[view] += 1
                waiting.append(link)
    return refused, telling, len(seen)


def links_of(answer):
    if answer.mimetype != "text/html":
        return []
    return list(map(unescape, re.findall(r'<a [^>]*href="(/[^"#]*)', answer.text)))


def view_of(app, link):
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
    endpoint, _values = adapter.match(urlsplit(link).path, method="GET")
    return None if endpoint.endswith("static") else endpoint
