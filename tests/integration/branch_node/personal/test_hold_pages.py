"""Holds on screen: placed by the branch manager, released by two, seen by whoever serves the customer."""

import re

import pytest
from sqlalchemy import select

from branch_node.inbound.operations import take_in
from branch_node.personal import holds
from branch_node.personal.models import ClosedCustomer, LegalHold
from shared.audit.models import AuditEntry
from shared.db.base import instant_text
from shared.domain.customers.vocabulary import CustomerStatus
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from sync_protocol.contract.feed import FeedEntry, FeedPoint
from tests.support.branch import ANA, NOON


@pytest.fixture
def customer(rows):
    manager = rows.manager(name="梅")
    return rows.customer(name="张伟", customer_no="K-1", mobile="13800000001", manager_id=manager), manager


@pytest.fixture
def publish(sessions):
    """Take a policy in as a cycle does."""

    def take(name, value):
        entry = FeedEntry(
            seq=1,
            id=new_id(),
            kind="policy",
            name=name,
            version=1,
            withdrawn=False,
            body={"value": value},
            published_at=instant_text(NOON),
        )
        with sessions.begin() as session:
            take_in(session, [entry], FeedPoint(seq=1, digest="0" * 64), anew=False, by=ANA)

    return take


def hold_of(sessions):
    with sessions() as session:
        return session.scalars(select(LegalHold)).one()


def digest_in(page):
    return re.findall(r'name="digest" value="([0-9a-f]{64})"', page)[0]


def test_a_branch_manager_places_a_hold_and_two_people_release_it(
    browser, make_user, sign_in, customer, sessions
):
    who, _manager = customer
    assert "Place the hold" in browser.get(f"/legal-holds/new?customer={who}").text
    refused = browser.send("/legal-holds", customer_id=who, reason="x")
    assert (refused.status_code, "Please say why" in refused.text) == (400, True)
    refused = browser.send("/legal-holds", customer_id=who, reason="court case 17", ends_on="soon")
    assert (refused.status_code, "2026-03-09" in refused.text) == (400, True)

    assert browser.send("/legal-holds", customer_id=who, reason="court case 17").status_code == 200
    hold = hold_of(sessions)
    assert "legal hold" in browser.get(f"/customers/{who}").text
    assert "court case 17" in browser.get("/legal-holds").text

    asked = browser.send(f"/legal-holds/{hold.id}/release", reason="case closed")
    assert asked.status_code == 200
    act = asked.request.path
    assert browser.send(f"{act}/approval", digest=digest_in_or_zero(browser, act)).status_code == 403
    make_user("second")
    second = sign_in("second")
    assert second.send(f"{act}/approval", digest=digest_in(second.get(act).text)).status_code == 200
    hold = hold_of(sessions)
    assert (hold.released_by, hold.release_reason) == ("second", "case closed")
    assert "legal hold" not in browser.get(f"/customers/{who}").text


def digest_in_or_zero(browser, act):
    found = re.search(r'name="digest" value="([0-9a-f]{64})"', browser.get(act).text)
    return found[1] if found else "0" * 64


def test_the_list_is_narrowed_exported_and_printed_and_both_are_on_record(browser, customer, rows, sessions):
    who, _manager = customer
    other = rows.customer(name="李娜", customer_no="K-2")
    for one, reason in ((who, "court case 17"), (other, "audit 2026")):
        browser.send("/legal-holds", customer_id=one, reason=reason)

    page = browser.get("/legal-holds?q=audit").text
    assert ("audit 2026" in page, "court case 17" in page) == (True, False)
    assert "court case 17" not in browser.get("/legal-holds?state=released").text
    file = browser.take("/legal-holds/export.csv?q=K-1").data.decode("utf-8-sig")
    assert ("court case 17" in file, "audit 2026" in file, "张伟" in file) == (True, False, False)
    assert "printed by" in browser.get("/legal-holds/print").text
    with sessions() as session:
        events = session.scalars(select(AuditEntry.event)).all()
    assert {"hold.exported", "hold.printed"} <= set(events)


def test_an_account_manager_sees_holds_of_their_own_customers_and_places_none(
    browser, make_user, sign_in, customer, rows
):
    who, manager = customer
    other = rows.customer(name="李娜", customer_no="K-2")
    for one, reason in ((who, "court case 17"), (other, "audit 2026")):
        browser.send("/legal-holds", customer_id=one, reason=reason)
    make_user("mei", StaffKind.ACCOUNT_MANAGER, manager)
    mei = sign_in("mei")

    page = mei.get("/legal-holds").text

    assert ("court case 17" in page, "audit 2026" in page) == (True, False)
    assert "legal hold" in mei.get(f"/customers/{who}").text
    assert mei.send("/legal-holds", customer_id=who, reason="court case 17").status_code == 403
    assert mei.get("/personal-data/tonight").status_code == 403


def test_administrators_of_machines_see_neither_holds_nor_what_is_held(administrator, browser):
    for path in ("/legal-holds", "/personal-data", "/personal-data/tonight"):
        assert administrator.get(path).status_code == 403
        assert browser.get(path).status_code == 200


def test_what_personal_data_is_held_is_read_from_the_tables_with_the_terms_in_force(browser, publish):
    page = browser.get("/personal-data").text
    assert re.search(r"Customers</td>\s*<td[^>]*>Mobile</td>\s*<td[^>]*>Mobile numbers", page)
    assert "months after the customer left" not in page
    named = re.findall(r'data-label="(?:Table|Field)">([^<]*)<', page)
    assert [name for name in named if name == name.lower()] == [], "what has no words is shown by its code"
    (row,) = re.findall(
        r"<tr>\s*<td[^>]*>Account managers</td>\s*<td[^>]*>Mobile</td>.*?</tr>", page, re.DOTALL
    )
    assert re.search(r'data-label="See it whole">[^<]*Branch manager', row)

    publish("keep-mobile-months", 24)
    publish("basis-mobile", "consent")

    page = browser.get("/personal-data").text
    (row,) = re.findall(r"<tr>\s*<td[^>]*>Customers</td>\s*<td[^>]*>Mobile</td>.*?</tr>", page, re.DOTALL)
    assert "24 months after the customer left" in row
    assert "the person has agreed" in row
    assert "Head office manager" not in row
    assert "printed by" in browser.get("/personal-data/print").text


def test_what_goes_tonight_is_shown_and_nothing_changes_by_looking(browser, publish, rows, sessions):
    long_ago = NOON.replace(year=NOON.year - 3)
    gone = rows.customer(
        name="张伟",
        customer_no="K-9",
        mobile="13800000001",
        status=CustomerStatus.CLOSED,
        updated_at=long_ago,
    )
    held = rows.customer(
        name="李娜",
        customer_no="K-8",
        mobile="13800000002",
        status=CustomerStatus.CLOSED,
        updated_at=long_ago,
    )
    with sessions.begin() as session:
        session.add_all(ClosedCustomer(customer_id=one, since=long_ago) for one in (gone, held))
    assert "kept for ever" in browser.get("/personal-data/tonight").text
    browser.send("/legal-holds", customer_id=held, reason="court case 17")
    publish("keep-mobile-months", 12)

    page = browser.get("/personal-data/tonight").text

    assert ("K-9" in page, "K-8" in page) == (True, False)
    assert "The clock is in doubt" in page
    with sessions() as session:
        assert not holds.is_held(session, gone)
        assert session.scalars(
            select(ClosedCustomer.customer_id).where(ClosedCustomer.customer_id == gone)
        ).one()
    assert "13800000001" in browser.get(f"/customers/{gone}").text
