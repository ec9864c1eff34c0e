"""A customer's versions: told by the operation log, and always leading to the file as it stands."""

from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update

from branch_node.archive.versions import (
    BEGINNING,
    UNTOLD,
    differences,
    plain_row,
    spans_of,
    version_on,
    versions_of,
)
from branch_node.customers.groups import place
from branch_node.customers.models import Customer
from branch_node.customers.moves import NoMoveError, move
from branch_node.customers.operations import EDITABLE, change_customer, register_customer
from branch_node.personal import retention
from branch_node.personal.retention import Due
from shared.audit.sealing import forget
from shared.db.personal import FieldClass
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    LifecycleStage,
    ParentKind,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.ids import new_id
from shared.stamp import Stamp
from tests.integration.branch_node.archive.conftest import later
from tests.support.branch import ANA, NOON, SHANGHAI

NEW = {
    "customer_no": "C1",
    "kind": CustomerKind.INDIVIDUAL,
    "name": "李明",
    "status": CustomerStatus.ACTIVE,
    "tags": [],
    "attributes": {},
}


def _register(sessions, **values):
    known = {name: value for name, value in {**NEW, **values}.items() if name != "attributes"}
    with sessions.begin() as session:
        return register_customer(session, known, by=ANA).id


def _change(sessions, customer_id, by, **values):
    with sessions.begin() as session:
        customer = session.get_one(Customer, customer_id)
        change_customer(session, customer_id, values, seen_at=customer.updated_at, by=by)


def _versions(sessions, customer_id):
    with sessions() as session:
        customer = session.get_one(Customer, customer_id)
        return versions_of(session, customer), plain_row(customer)


def _standing(sessions, customer_id):
    with sessions() as session:
        return plain_row(session.get_one(Customer, customer_id))


def _before_the_log(sessions, number):
    values = {
        **NEW,
        "customer_no": number,
        "id": new_id(),
        "phone": "0571-88880000",
        "remark": "from before",
        "created_at": NOON,
        "created_by": "import",
        "updated_at": NOON,
        "updated_by": "import",
    }
    with sessions.begin() as session:
        session.connection().execute(insert(Customer).values(values))
    return values["id"]


# What a form or a file may set, but for what needs another record; those come below.
GIVEN: dict[str, list[Any]] = {
    "name": ["李明", "李小明", "Li Ming"],
    "short_name": [None, "小李"],
    "id_type": [None, IdentityDocument.ID_CARD, IdentityDocument.PASSPORT],
    "id_no": [None, "330106199001011234", "E12345678"],
    "mobile": [None, "13800000001", "13800000002"],
    "phone": [None, "0571-88880000", "0571-99990000"],
    "email": [None, "li@example.com"],
    "wechat": [None, "li_ming"],
    "region_code": [None, "330106", "330100"],
    "address": [None, "文三路1号", "文三路2号"],
    "grade": [None, Grade.A, Grade.B],
    "status": [CustomerStatus.ACTIVE, CustomerStatus.SUSPENDED],
    "opened_on": [None, date(2020, 2, 29)],
    "preferred_channel": [None, PreferredChannel.PHONE, PreferredChannel.WECHAT],
    "service_level": [None, *ServiceLevel][:3],
    "do_not_contact": [[], ["sms"], ["phone", "sms"]],
    "do_not_contact_until": [None, date(2026, 12, 31)],
    "legacy_no": [None, "OLD-1", "OLD-2"],
    "tags": [[], ["vip"], ["vip", "老客户"]],
    "remark": [None, "one line", "two\nlines"],
}
ELSEWHERE = {"customer_no", "kind", "group_no", "manager_id"}
VALUES = st.fixed_dictionaries({}, optional={name: st.sampled_from(some) for name, some in GIVEN.items()})
MOVES = st.sampled_from(LifecycleStage) | st.sampled_from(ValueTier)
# Into a group and out of it, and to an account manager and to none.
PLACES = st.sampled_from(["group", "no group", "manager", "no manager"])


def test_the_property_below_changes_every_field_that_may_be_set():
    assert {*GIVEN} == {*EDITABLE} - ELSEWHERE


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(changes=st.lists(VALUES | MOVES | PLACES, max_size=6), before=st.booleans())
def test_whatever_was_changed_the_versions_lead_to_the_file_as_it_stands(sessions, rows, changes, before):
    # Registered under the log's eyes, or there before it began.
    no = new_id()
    customer_id = _register(sessions, customer_no=no) if before else _before_the_log(sessions, no)
    manager, group = rows.manager(), rows.customer(kind=CustomerKind.GROUP)
    stood = [_standing(sessions, customer_id)]
    for minute, change in enumerate(changes, start=1):
        _apply(sessions, customer_id, change, (manager, group), later(ANA, minute))
        stood += [now for now in [_standing(sessions, customer_id)] if now != stood[-1]]

    versions, now = _versions(sessions, customer_id)
    assert [version.state for version in versions] == stood

    told = dict(versions[0].state)
    for version in versions:
        told |= {change.field: change.after for change in version.changes}
        assert {name: value for name, value in version.state.items() if value is not None} == {
            name: value for name, value in told.items() if value is not None
        }
    assert told == now
    assert UNTOLD not in [version.event for version in versions]
    assert [version.no for version in versions] == [*range(1, len(versions) + 1)]


def _apply(sessions, customer_id, change, others, by):
    manager, group = others
    if isinstance(change, dict):
        _change(sessions, customer_id, by, **change)
    elif change in ("manager", "no manager"):
        _change(sessions, customer_id, by, manager_id=manager if change == "manager" else None)
    elif change in ("group", "no group"):
        with sessions.begin() as session:
            above = session.get_one(Customer, group).customer_no if change == "group" else ""
            place(session, customer_id, above, ParentKind.MEMBER if above else None, by=by)
    else:
        day = NOON.date()
        with suppress(NoMoveError), sessions.begin() as session:
            move(session, customer_id, change, on=day, today=day, reason="known better", by=by)


def test_every_field_says_since_when_it_has_had_its_value(sessions):
    customer_id = _register(sessions, phone="0571-88880000")
    _change(sessions, customer_id, later(ANA, 60 * 24), phone="0571-99990000")

    versions, _now = _versions(sessions, customer_id)
    spans = spans_of(versions)["phone"]

    assert [(span.no, span.value) for span in spans] == [(2, "0571-99990000"), (1, "0571-88880000")]
    assert spans[0].since - spans[1].since == timedelta(days=1)
    stood = [version_on(versions, NOON.date() + timedelta(days=day), SHANGHAI) for day in (-1, 0, 1)]
    assert [version and version.no for version in stood] == [None, 1, 2]
    assert [change.field for change in differences(*versions)] == ["phone"]


def test_a_file_from_before_the_log_begins_with_what_the_first_change_found(sessions):
    values = {**NEW, "id": new_id(), "phone": "0571-88880000", "created_at": NOON, "created_by": "import"}
    customer_id = values["id"]
    with sessions.begin() as session:
        written = {**values, "updated_at": NOON, "updated_by": "import"}
        session.connection().execute(insert(Customer).values(written))
    _change(sessions, customer_id, later(ANA, 1), phone="0571-99990000")

    versions, now = _versions(sessions, customer_id)

    assert [version.event for version in versions] == [BEGINNING, "customer.changed"]
    assert versions[0].state["phone"] == "0571-88880000"
    assert versions[0].state["name"] == "李明"
    assert versions[-1].state == now


def test_what_was_written_past_the_program_stands_as_a_version_of_its_own(sessions):
    customer_id = _register(sessions)
    with sessions.begin() as session:
        session.connection().execute(
            update(Customer).where(Customer.id == customer_id).values(short_name="小李")
        )

    versions, now = _versions(sessions, customer_id)

    assert versions[-1].event == UNTOLD
    assert [change.after for change in versions[-1].changes] == ["小李"]
    assert versions[-1].state == now


def test_what_a_term_has_blanked_is_shown_in_no_version(sessions):
    customer_id = _register(sessions, mobile="13800000001", status=CustomerStatus.CLOSED)
    _change(sessions, customer_id, later(ANA, 1), mobile="13800000002")
    due = Due(customer_id, "C1", NOON.date(), (FieldClass.MOBILE,), whole=False)
    with sessions.begin() as session:
        assert retention.blank(session, due, by=later(ANA, 2))

    versions, now = _versions(sessions, customer_id)

    assert now["mobile"] is None
    assert "1380000000" not in str([(version.state, version.changes) for version in versions])
    assert "mobile" in versions[0].hidden
    assert versions[0].state["name"] == "李明"
    assert versions[-1].state == now


def test_of_somebody_erased_no_version_says_what_was_personal(sessions):
    customer_id = _register(sessions, mobile="13800000001")
    _change(sessions, customer_id, later(ANA, 1), grade=Grade.A, mobile="13800000002")
    with sessions.begin() as session:
        forget(session, ("customer", customer_id))

    versions, _now = _versions(sessions, customer_id)

    before = [version.state for version in versions if version.event != UNTOLD]
    assert "13800000001" not in str([(version.state, version.changes) for version in versions])
    assert all(state.get("mobile") is None for state in before)
    assert versions[1].state["grade"] == Grade.A.value
    assert "mobile" in versions[0].hidden


def test_lines_of_a_remark_come_back_as_they_were(sessions):
    customer_id = _register(sessions, remark="first\nsecond")
    _change(sessions, customer_id, later(ANA, 1), remark="third")

    versions, _now = _versions(sessions, customer_id)

    assert versions[0].state["remark"] == "first\nsecond"


def test_a_version_knows_who_made_it(sessions):
    customer_id = _register(sessions)
    ben = Stamp(NOON + timedelta(minutes=5), "ben", ANA.via, ANA.terminal)
    _change(sessions, customer_id, ben, name="李小明")

    versions, _now = _versions(sessions, customer_id)

    assert [(version.by, version.event) for version in versions] == [
        ("ana", "customer.registered"),
        ("ben", "customer.changed"),
    ]
    assert BEGINNING not in [version.event for version in versions]


@pytest.mark.parametrize("field", ["phone", "grade"])
def test_an_emptied_field_is_empty_in_its_version(sessions, field):
    values = {"phone": "0571-88880000", "grade": Grade.A}
    customer_id = _register(sessions, **values)
    _change(sessions, customer_id, later(ANA, 1), **{field: None})

    versions, now = _versions(sessions, customer_id)

    assert versions[-1].state[field] is None
    assert versions[-1].state == now
