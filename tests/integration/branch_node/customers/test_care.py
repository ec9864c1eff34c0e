import re
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from branch_node.customers.models import Customer, CustomerMove
from branch_node.worklogs.care import list_visits_due, visit_due
from branch_node.worklogs.models import WorkLog
from shared.domain.customers.vocabulary import LifecycleStage, ValueTier
from shared.domain.worklogs.vocabulary import WorkLogKind
from tests.support.branch import NOON, SHANGHAI

FORM = {"started_at": "2026-03-18 10:00", "text": "谈了续约"}


def logs(sessions):
    with sessions() as session:
        return [one.text for one in session.scalars(select(WorkLog))]


def due(sessions):
    with sessions() as session:
        found = list_visits_due(session, manager_id=None, now=NOON, timezone=SHANGHAI, limit=10)
        return [one.id for one in found]


def test_a_move_is_kept_with_its_day_and_reason_and_shown(browser, rows, sessions):
    customer = rows.customer()

    page = browser.send(f"/customers/{customer}/moves", to="tier:high", on="2026-03-17", reason="年消费翻倍")
    browser.send(f"/customers/{customer}/moves", to="tier:strategic", on="2026-03-18", reason="签框架合同")

    assert "年消费翻倍" in page.text
    with sessions() as session:
        assert session.get_one(Customer, customer).value_tier is ValueTier.STRATEGIC
        found = session.scalars(select(CustomerMove).order_by(CustomerMove.id)).all()
        assert [(one.before, one.after, one.moved_on, one.made_by) for one in found] == [
            (None, "high", date(2026, 3, 17), "wang"),
            ("high", "strategic", date(2026, 3, 18), "wang"),
        ]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"reason": " "}, 400),
        ({"reason": "x"}, 400),
        ({"reason": "a\0b"}, 400),
        ({"on": "2026-03-19"}, 400),
        ({"on": "soon"}, 400),
        ({"to": "tier:golden"}, 400),
        ({"to": "stage:growth"}, 409),
    ],
)
def test_a_refused_move_is_said_at_its_field_and_what_was_written_stands_in_the_form(
    browser, rows, sessions, wrong, status
):
    customer = rows.customer(lifecycle_stage=LifecycleStage.GROWTH)
    form = {"to": "tier:high", "on": "2026-03-18", "reason": "签约", **wrong}

    page = browser.send(f"/customers/{customer}/moves", **form)

    [field] = wrong
    assert page.status_code == status
    assert invalid_fields(page.text) == [field]
    kept = {name: value for name, value in form.items() if (name, value) != ("to", "tier:golden")}
    for value in kept.values():
        assert f'value="{value}" selected' in page.text or f'value="{value}"' in page.text
    with sessions() as session:
        assert session.scalars(select(CustomerMove)).all() == []


def test_every_field_of_a_move_that_is_wrong_is_told_at_once(browser, rows):
    page = browser.send(f"/customers/{rows.customer()}/moves", to="", on="", reason="").text

    assert invalid_fields(page) == ["to", "on", "reason"]


def invalid_fields(page):
    """Return the names of the fields that the page marks as refused, each with its sentence."""
    marked = re.findall(r'name="(\w+)"[^>]*aria-invalid="true"', page)
    assert all(f'id="e-{name}"' in page for name in marked)
    return marked


def test_closed_channels_stand_on_the_page_and_in_the_form_of_the_log(browser, rows):
    closed = {"do_not_contact": ["phone"], "do_not_contact_until": date(2026, 3, 18)}
    customer = rows.customer(**closed)

    for path in (f"/customers/{customer}", f"/worklogs/new?customer={customer}"):
        assert "Do not contact by Phone call" in browser.get(path).text


def test_the_day_after_the_last_one_a_channel_is_open_again(browser, rows):
    customer = rows.customer(do_not_contact=["all"], do_not_contact_until=date(2026, 3, 17))

    assert "Do not contact" not in browser.get(f"/customers/{customer}").text


def test_a_contact_by_a_closed_channel_needs_its_reason(browser, rows, sessions):
    manager = rows.manager()
    rows.customer(customer_no="K-9", do_not_contact=["phone"])
    call = {**FORM, "manager_id": manager, "kind": "call", "customer": "K-9"}

    refused = browser.send("/worklogs", **call)
    assert refused.status_code == 400
    assert "This customer is not to be reached so." in refused.text
    assert logs(sessions) == []

    assert browser.send("/worklogs", **{**call, "kind": "visit"}).status_code == 200
    assert browser.send("/worklogs", **call, despite="客户来电请回电").status_code == 200
    assert logs(sessions) == ["谈了续约", "谈了续约\nReached by a closed channel: 客户来电请回电"]


def test_a_visit_is_due_by_tier_and_never_to_who_wants_none(rows, sessions):
    manager = rows.manager()
    visited = {tier: rows.customer(value_tier=tier) for tier in (ValueTier.STRATEGIC, ValueTier.LOW)}
    shut = rows.customer(value_tier=ValueTier.HIGH, do_not_contact=["visit"])
    rows.customer()
    for customer in (*visited.values(), shut):
        rows.work_log(
            manager, customer_id=customer, kind=WorkLogKind.VISIT, started_at=NOON - timedelta(days=14)
        )
        rows.work_log(manager, customer_id=customer, kind=WorkLogKind.CALL)

    assert due(sessions) == [visited[ValueTier.STRATEGIC]]
    with sessions() as session:
        days = {
            tier: visit_due(session, session.get_one(Customer, one), now=NOON, timezone=SHANGHAI)
            for tier, one in visited.items()
        }
        assert days == {ValueTier.STRATEGIC: date(2026, 3, 18), ValueTier.LOW: date(2026, 6, 2)}
        assert visit_due(session, session.get_one(Customer, shut), now=NOON, timezone=SHANGHAI) is None


def test_the_form_keeps_closed_channels_group_number_and_legacy_number(browser, rows, sessions):
    page = browser.send(
        "/customers",
        customer_no="K1",
        kind="group",
        name="东湖",
        status="active",
        channel_list="yes",
        do_not_contact="sms",
        group_no=" 91330106ma27 ",
        legacy_no="OLD-7",
        service_level="priority",
    )

    assert page.status_code == 200
    with sessions() as session:
        customer = session.scalars(select(Customer)).one()
        assert (customer.do_not_contact, customer.group_no, customer.legacy_no) == (
            ["sms"],
            "91330106MA27",
            "OLD-7",
        )
    assert "东湖" in browser.get("/customers?q=OLD-7").text
