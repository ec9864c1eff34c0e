"""Correcting a field while on a call: in its place, by the form's checks, and never over somebody else's correction."""

import re

import pytest
from sqlalchemy import select, update

from branch_node.customers.models import Customer
from branch_node.desk.correcting_pages import FIELDS
from shared.audit.models import AuditEntry
from shared.domain.customers.vocabulary import PreferredChannel
from shared.rights.vocabulary import StaffKind

IN_PLACE = {"HX-Request": "true"}


@pytest.fixture
def customer_id(rows):
    return rows.customer(name="李明", mobile="13800000001", region_code="330106")


def address(customer_id, field="mobile"):
    return f"/customers/{customer_id}/correct/{field}"


def post(browser, url, data, headers=None):
    return browser.post(url, data={"csrf_token": browser.token(), **data}, headers=headers or {})


def opened(browser, customer_id, field="mobile"):
    """Return by what the form says which value it was opened with."""
    found = re.search(r'name="seen" value="(\w+)"', browser.get(address(customer_id, field)).text)
    assert found is not None
    return found[1]


def stored(sessions, customer_id):
    with sessions() as session:
        return session.get_one(Customer, customer_id)


def test_a_field_is_corrected_where_it_stands_and_the_log_says_so(browser, sessions, customer_id):
    profile = browser.get(f"/customers/{customer_id}/profile").text
    assert f'hx-get="{address(customer_id)}" hx-target="#fact-mobile"' in profile

    form = browser.get(address(customer_id), headers=IN_PLACE).text
    assert "<html" not in form
    given = {"mobile": " 138 0000 0002", "seen": opened(browser, customer_id)}
    answer = post(browser, address(customer_id), given, IN_PLACE)

    assert answer.status_code == 200
    assert '<div id="fact-mobile">' in answer.text
    assert "13800000002" in answer.text
    assert 'id="customer-head" hx-swap-oob="true"' in answer.text
    assert stored(sessions, customer_id).mobile == "13800000002"
    with sessions() as session:
        last = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.event == "customer.changed", AuditEntry.subject_id == customer_id)
            .order_by(AuditEntry.seq.desc())
        ).first()
        assert last is not None
        assert last.actor == "wang"
        assert set(last.changes) == {"mobile"}


def test_without_javascript_a_form_of_its_own_comes_back_to_the_profile(browser, sessions, customer_id):
    assert "<html" in browser.get(address(customer_id, "preferred_channel")).text
    given = {"preferred_channel": "sms", "seen": opened(browser, customer_id, "preferred_channel")}
    answer = post(browser, address(customer_id, "preferred_channel"), given)

    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/customers/{customer_id}/profile")
    assert stored(sessions, customer_id).preferred_channel is PreferredChannel.SMS


@pytest.mark.parametrize("headers", [{}, IN_PLACE])
def test_what_the_form_would_refuse_is_refused_with_its_sentence(browser, sessions, customer_id, headers):
    given = {"mobile": "12", "seen": opened(browser, customer_id)}
    answer = post(browser, address(customer_id), given, headers)

    assert answer.status_code == (200 if headers else 400)
    assert "This is not a mobile number" in answer.text
    assert stored(sessions, customer_id).mobile == "13800000001"


def test_a_correction_somebody_else_made_meanwhile_is_shown_and_not_overwritten(
    browser, sessions, customer_id
):
    seen = opened(browser, customer_id)
    with sessions.begin() as session:
        session.execute(update(Customer).values(mobile="13900000009", updated_by="chen"))

    refused = post(browser, address(customer_id), {"mobile": "13800000002", "seen": seen})
    assert refused.status_code == 409
    assert "chen changed this field meanwhile to “13900000009”" in refused.text
    assert stored(sessions, customer_id).mobile == "13900000009"

    again = {"mobile": "13800000002", "seen": opened(browser, customer_id)}
    assert post(browser, address(customer_id), again).status_code == 303
    assert stored(sessions, customer_id).mobile == "13800000002"


def test_a_correction_of_another_field_meanwhile_is_no_hindrance(browser, sessions, customer_id):
    seen = opened(browser, customer_id)
    with sessions.begin() as session:
        session.execute(update(Customer).values(address="文三路", updated_by="chen"))

    assert post(browser, address(customer_id), {"mobile": "13800000002", "seen": seen}).status_code == 303
    assert stored(sessions, customer_id).mobile == "13800000002"
    assert stored(sessions, customer_id).address == "文三路"


def test_what_is_decided_elsewhere_is_not_corrected_here(browser, customer_id):
    assert not {"grade", "status", "manager_id", "name", "do_not_contact"} & set(FIELDS)
    assert browser.get(address(customer_id, "grade")).status_code == 404
    assert post(browser, address(customer_id, "grade"), {"grade": "A"}).status_code == 404


def test_who_does_not_see_a_customer_corrects_nothing(rows, make_user, sign_in, sessions, customer_id):
    make_user("li", StaffKind.ACCOUNT_MANAGER, manager_id=rows.manager())
    mine = sign_in("li")

    assert mine.get(address(customer_id)).status_code == 404
    given = {"mobile": "13800000002", "seen": ""}
    assert post(mine, address(customer_id), given).status_code == 404
    assert stored(sessions, customer_id).mobile == "13800000001"
