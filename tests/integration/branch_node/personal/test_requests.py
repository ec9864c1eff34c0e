"""What people ask about their data: recorded, due, answered, and erased by two people only."""

import json
import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select, update

from branch_node.archive.models import ArchiveEntry
from branch_node.billing.models import BillLine
from branch_node.customers.belonging import Erasing, tables_of
from branch_node.customers.models import Customer
from branch_node.erased.models import Erasure
from branch_node.personal import holds
from branch_node.personal.alarms import REQUEST_DUE
from branch_node.personal.jobs import SUBJECT, remind
from branch_node.personal.models import PersonalRequest
from branch_node.personal.requests import answer_done, receive_order
from branch_node.tables import APP
from branch_node.units.models import UnitOwner
from shared.alarms.queries import find_open
from shared.audit.models import AuditEntry
from shared.db.personal import about_column
from shared.domain.calendar import add_working_days
from shared.exports.models import Export
from shared.exports.vocabulary import ExportState
from shared.ids import new_id
from shared.jobs.job import Progress
from shared.stamp import Stamp, Via
from shared.twoperson.models import ProposedAct
from shared.web.context import EXTENSION
from tests.support.branch import NOON

TODAY = date(2026, 3, 18)


@pytest.fixture
def customer(rows):
    """A closed customer whose account is settled."""
    manager = rows.manager()
    made = rows.customer(manager_id=manager, name="Zhao Canary", mobile="13912345678", status="closed")
    rows.work_log(manager, customer_id=made, text="spoke about Canary")
    return made


def ask(browser, customer, kind="erasure", **given):
    form = {
        "kind": kind,
        "asked_by": "Zhao himself",
        "identity": "document",
        "customer_id": customer,
        **given,
    }
    answer = browser.post("/personal-requests", data={"csrf_token": browser.token(), **form})
    assert answer.status_code == 303, answer.text
    return answer.location.rsplit("/", 1)[-1]


def ask_to_erase(browser, request_id):
    return browser.send(f"/personal-requests/{request_id}/erase", reason="as the person asks")


def approve(sessions, browser):
    with sessions() as session:
        act = session.scalars(select(ProposedAct)).one()
    return browser.send(f"/two-person/{act.id}/approval", digest=act.digest)


def test_a_request_is_due_fifteen_working_days_after_it_was_received(browser, sessions, customer):
    request_id = ask(browser, customer, received_on="2026-03-18")
    with sessions() as session:
        assert session.get(PersonalRequest, request_id).due_on == date(2026, 4, 8)
    assert add_working_days(date(2026, 3, 20), 1) == date(2026, 3, 23)
    assert "Zhao himself" in browser.get(f"/personal-requests/{request_id}").text
    assert "Zhao Canary" in browser.get("/personal-requests").text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "x"),
        ("identity", "head_office!"),
        ("asked_by", " "),
        ("received_on", "2026-11-21"),
        ("received_on", "x"),
    ],
)
def test_a_request_that_says_nonsense_is_refused_at_its_field(browser, sessions, customer, field, value):
    form = {"kind": "access", "asked_by": "Zhao", "identity": "known", "customer_id": customer, field: value}
    answer = browser.send("/personal-requests", **form)
    assert answer.status_code == 400
    with sessions() as session:
        assert session.scalars(select(PersonalRequest)).all() == []


def test_two_people_erase_a_customer_and_the_page_says_how_far_it_is(make_user, sign_in, sessions, customer):
    make_user("wang")
    make_user("li")
    first, second = sign_in("wang"), sign_in("li")
    request_id = ask(first, customer)
    assert ask_to_erase(first, request_id).status_code == 200
    assert approve(sessions, first).status_code == 403
    with sessions() as session:
        assert session.get(Customer, customer).name == "Zhao Canary"

    approved = approve(sessions, second)
    assert approved.status_code == 200, approved.text

    with sessions() as session:
        erased = session.get(Customer, customer)
        assert (erased.name, erased.mobile) == (f"erased {erased.customer_no}", None)
        request = session.get(PersonalRequest, request_id)
        assert (request.state.value, request.asked_by) == ("done", "erased")
        assert session.scalars(select(Erasure)).one().reason.value == "request"
    assert "written over in the night" in first.get(f"/personal-requests/{request_id}").text


@pytest.mark.parametrize(
    ("hindrance", "said"),
    [("active", "still active"), ("held", "legal hold is open"), ("balance", "not settled")],
)
def test_nobody_is_erased_while_business_is_open_or_a_hold_stands(
    make_user, sign_in, sessions, rows, customer, hindrance, said, clock
):
    make_user("wang")
    make_user("li")
    first, second = sign_in("wang"), sign_in("li")
    request_id = ask(first, customer)
    assert ask_to_erase(first, request_id).status_code == 200
    with sessions.begin() as session:
        if hindrance == "active":
            session.execute(update(Customer).values(status="active"))
        if hindrance == "held":
            by = rows_stamp(clock)
            holds.place(session, customer, reason="a case", ends_on=None, today=TODAY, by=by)
    if hindrance == "balance":
        rows.bill_line(customer)

    refused = approve(sessions, second)

    assert (refused.status_code, said in refused.text) == (409, True), refused.text
    with sessions() as session:
        assert session.get(Customer, customer).name == "Zhao Canary"
        assert session.scalars(select(Erasure)).all() == []
        assert session.scalars(select(ProposedAct)).one().state.value == "waiting"
    assert "Ask to erase" not in first.get(f"/personal-requests/{request_id}").text


def rows_stamp(clock):
    return Stamp(clock.now(), "manager-a", Via.COMMAND, "test")


def test_the_copy_holds_all_that_is_held_in_full_and_is_on_record(browser, sessions, rows, customer):
    rows.bill_line(customer, remark="a remark of theirs")
    request_id = ask(browser, customer, kind="access")

    browser.prove("wang")
    with sessions.begin() as session:
        for number, resource, days in (
            ("7K3M-Q9XA", "customer", 1),
            ("BEFORE-00", "customer", -9),
            ("OTHERS-00", "manager", 1),
        ):
            session.add(exported(number, resource, at=NOON + timedelta(days=days)))

    answer = browser.send(f"/personal-requests/{request_id}/copy", whole="yes")

    assert answer.mimetype == "application/json", answer.text
    document = json.loads(answer.text)
    assert document["profile"]["mobile"] == "13912345678"
    assert document["bill_lines"][0]["remark"] == "a remark of theirs"
    assert document["work_logs"][0]["text"] == "spoke about Canary"
    assert document["requests"][0]["id"] == request_id
    assert [(one["number"], one["asked_by"], one["reason"]) for one in document["exports"]] == [
        ("7K3M-Q9XA", "li", "letters")
    ]
    printed = browser.get(f"/personal-requests/{request_id}/print").text
    assert ("7K3M-Q9XA" in printed, "BEFORE-00" in printed, "OTHERS-00" in printed) == (True, False, False)
    paper = browser.get(f"/personal-requests/{request_id}/print").text
    assert "spoke about Canary" in paper
    # What a person is handed is in words: no codes, no stored instants, nothing as a program writes it.
    assert not re.search(r">None|\[&#39;|>\d{4}-\d\d-\d\dT|_minor|customer\.|>charge<|>individual<", paper)
    assert "Charge" in paper
    with sessions() as session:
        told = session.scalars(select(AuditEntry.event).where(AuditEntry.subject_id == customer)).all()
        assert [event for event in told if event.startswith("personal_request.")] == [
            "personal_request.exported",
            *["personal_request.printed"] * 2,
        ]
    assert browser.send(f"/personal-requests/{request_id}/answer", outcome="done").status_code == 200


def exported(number, resource, *, at):
    return Export(
        id=new_id(),
        number=number,
        asked_at=at,
        asked_by="li",
        asked_by_id=new_id(),
        resource=resource,
        title="A list",
        address="/a.csv",
        form="csv",
        reason="letters",
        conditions={},
        columns=["name"],
        masked=[],
        whole=True,
        rows=2,
        state=ExportState.TAKEN,
        made_at=at,
    )


def test_refusing_needs_the_reason_the_person_is_told(browser, sessions, customer):
    request_id = ask(browser, customer)
    assert browser.send(f"/personal-requests/{request_id}/answer", outcome="refused").status_code == 400
    assert browser.send(f"/personal-requests/{request_id}/answer", outcome="done").status_code == 409
    refused = browser.send(f"/personal-requests/{request_id}/answer", outcome="refused", answer="by law")
    assert refused.status_code == 200
    with sessions() as session:
        assert session.get(PersonalRequest, request_id).state.value == "refused"


def test_the_same_order_of_head_office_is_recorded_once(sessions, customer, clock):
    order = new_id()
    for _time in range(2):
        with sessions.begin() as session:
            receive_order(
                session, order, customer, reason="asked there", who="hq", today=TODAY, by=rows_stamp(clock)
            )
    with sessions() as session:
        assert session.scalars(select(PersonalRequest)).one().order_id == order


def test_every_table_of_the_branch_about_customers_is_blanked():
    about = {table.name for table in APP.tables() if (about_column(table) or ("",))[0] == "customer"}
    # What is sealed with the customer's key, which an erasure forgets, goes without a row being touched.
    sealed = {ArchiveEntry.__tablename__}
    # Ids and days: whose a unit was from when.
    bare = {UnitOwner.__tablename__}
    blanked = (*tables_of(Erasing.BLANKED), *tables_of(Erasing.APART))
    assert about - sealed - bare == {table.name for table in blanked}
    assert sealed == {table.name for table in tables_of(Erasing.SEALED)}
    assert BillLine.__tablename__ in about


def test_people_are_reminded_of_a_request_three_working_days_before_its_day_until_it_is_answered(
    app, browser, sessions, customer, clock
):
    # Received on a Wednesday, due three weeks later.
    request_id = ask(browser, customer, kind="access", received_on="2026-03-18")
    runtime = app.extensions[EXTENSION]

    def told(day):
        clock.set(datetime.combine(day, time(4), tzinfo=UTC))
        remind(runtime, rows_stamp(clock), Progress())
        with sessions() as session:
            alarm = find_open(session, REQUEST_DUE, SUBJECT)
            return alarm and alarm.details

    assert told(date(2026, 4, 2)) is None
    assert told(date(2026, 4, 3)) == {"requests": 1, "first": "2026-04-08"}
    assert told(date(2026, 4, 9)) == {"requests": 1, "first": "2026-04-08"}
    with sessions.begin() as session:
        answer_done(session, request_id, answer="sent", by=rows_stamp(clock))
    assert told(date(2026, 4, 9)) is None
