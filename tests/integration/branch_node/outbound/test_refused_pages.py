"""The page of refused records."""

import pytest
from sqlalchemy import update

from branch_node.customers.models import Customer
from branch_node.outbound.models import RefusedRecord
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from sync_protocol.changelog.models import Change
from tests.support.branch import NOON


def _refuse(database, record, record_id, *, code="invalid", reasons=None):
    with database.sessions.begin() as session:
        session.add(
            RefusedRecord(
                record_type=record,
                record_id=record_id,
                row_lineage=1,
                row_change=7,
                code=code,
                reasons=reasons or {"name": ["must have 1 to 80 characters, has 0"]},
                parked_at=NOON,
                seen_at=NOON,
            )
        )


@pytest.fixture
def seal(database):
    """Let every change so far count as sent."""

    def run():
        with database.sessions.begin() as session:
            session.execute(update(Change).values(batch_id=1))

    return run


def test_each_refused_record_leads_to_where_it_is_mended(browser, database, rows, seal):
    manager, customer = rows.manager(name="王经理"), rows.customer(name="成都锦江")
    line, log = rows.bill_line(customer, bill_no="B77"), rows.work_log(manager, log_no="L77")
    seal()
    for record, record_id in (
        ("manager", manager),
        ("customer", customer),
        ("bill_line", line),
        ("work_log", log),
    ):
        _refuse(database, record, record_id)

    page = browser.get("/sync/refused").text

    for name, path in (
        ("王经理", f"/managers/{manager}/edit"),
        ("成都锦江", f"/customers/{customer}/edit"),
        ("B77", f"/billing/{line}"),
        ("L77", f"/worklogs/{log}"),
    ):
        assert name in page
        assert f'href="{path}"' in page
        assert browser.get(path).status_code == 200
    assert page.count("must have 1 to 80 characters; it has 0") == 4
    assert page.count("Open it, mend what is named, and save.") == 2
    assert page.count("ask head office to check it again or to waive it") == 2


def test_an_account_manager_is_not_led_to_a_page_that_is_for_branch_managers(
    make_user, sign_in, database, rows, seal
):
    manager = rows.manager(name="王经理")
    make_user("wu", StaffKind.ACCOUNT_MANAGER)
    browser = sign_in("wu")
    seal()
    _refuse(database, "manager", manager)

    page = browser.get("/sync/refused").text

    assert "王经理" in page
    assert "/edit" not in page
    assert "A branch manager can open and mend it." in page


def test_what_was_changed_since_says_that_it_goes_with_the_next_push(browser, database, rows, seal):
    customer = rows.customer()
    seal()
    _refuse(database, "customer", customer)
    assert "It goes with the next push" not in browser.get("/sync/refused").text

    with database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == customer).values(name="改过"))

    assert "It goes with the next push" in browser.get("/sync/refused").text


@pytest.mark.parametrize("record_id", ["01936d0a-0000-7000-8000-000000000001", None, "no id at all"])
def test_what_this_branch_does_not_hold_or_cannot_name_is_told_all_the_same(browser, database, record_id):
    _refuse(database, "customer", record_id)

    page = browser.get("/sync/refused").text

    assert (record_id or "cannot be told") in page
    assert "tell head office" in page


def test_a_row_that_waits_asks_for_nothing(browser, database, rows, seal):
    line = rows.bill_line(rows.customer())
    seal()
    reasons = {"customer_id": [f"waits for customer {new_id()}, which is parked"]}
    _refuse(database, "bill_line", line, code="waits", reasons=reasons)

    page = browser.get("/sync/refused").text

    assert "what it names is refused itself; they go in together" in page
    assert "Nothing: it goes in by itself with the record it names." in page


def test_a_reason_of_a_newer_head_office_shows_as_it_is(browser, database, rows, seal):
    customer = rows.customer()
    seal()
    _refuse(database, "customer", customer, code="novel", reasons={"aura": ["is <too> blue"]})

    page = browser.get("/sync/refused").text

    assert "aura" in page
    assert "is &lt;too&gt; blue" in page


def test_the_sync_page_counts_them_and_nothing_refused_is_said_too(browser, database):
    assert "Head office has refused nothing" in browser.get("/sync/refused").text
    assert "/sync/refused" not in browser.get("/sync/").text
    _refuse(database, "customer", new_id())

    assert 'href="/sync/refused"' in browser.get("/sync/").text
