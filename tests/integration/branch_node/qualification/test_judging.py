"""Judging, approving and expiring at a branch: facts by few statements, one judgement that counts, reasons kept."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import event, select

from branch_node.contacts.operations import add_contact
from branch_node.customers.models import Customer
from branch_node.customers.operations import change_customer
from branch_node.erased.queries import CustomerErasedError
from branch_node.erasure.operations import Known, carry_out
from branch_node.qualification import operations, queries
from branch_node.qualification.errors import (
    JudgedStaleError,
    NoRefusalReasonError,
    NotWaitingError,
    OwnProposalError,
    RulesChangedError,
)
from branch_node.qualification.models import Qualification
from branch_node.qualification.operations import Terms
from shared.audit.models import AuditEntry
from shared.domain.billing.vocabulary import BillKind
from shared.domain.contacts.vocabulary import ContactStanding, ContactStatus
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus, IdentityDocument
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.published.vocabulary import ItemKind
from shared.domain.qualification import facts
from shared.domain.qualification.checks import NAME
from shared.domain.qualification.collecting import Frame, collect_facts
from shared.domain.qualification.rules import read_line, write_rules
from shared.domain.qualification.standard import STANDARD
from tests.support.branch import ANA, NOON, SHANGHAI

BORIS = replace(ANA, actor="boris")
TERMS = Terms.at(NOON, SHANGHAI, "CNY")
LICENCE = "91110000600037341L"


def good(rows, **more):
    """A customer of three years who pays."""
    values = {
        "id_type": IdentityDocument.ID_CARD,
        "id_no": "11010519491231002X",
        "opened_on": date(2023, 1, 5),
        **more,
    }
    customer = rows.customer(**values)
    rows.bill_line(customer, amount_minor=120_000, period="2025-12")
    rows.bill_line(customer, amount_minor=120_000, period="2026-01", kind=BillKind.PAYMENT)
    return customer


def stored(sessions, customer):
    with sessions() as session:
        return list(queries.list_of_customer(session, customer))


def judge(sessions, customer, by=ANA, terms=TERMS):
    with sessions.begin() as session:
        return operations.apply(session, customer, terms=terms, by=by).one.id


def days_later(by, days):
    """The same person another day, and what judging needs to know then."""
    stamp = replace(by, at=NOON + timedelta(days=days))
    return {"by": stamp, "terms": Terms.at(stamp.at, SHANGHAI, "CNY")}


def approve(sessions, qualification, by=BORIS):
    with sessions.begin() as session:
        operations.approve(session, qualification, terms=TERMS, by=by)


def test_facts_are_those_of_the_rows(rows, sessions):
    manager = rows.manager()
    customer = good(rows)
    rows.bill_line(customer, amount_minor=5_000, product="短信", period="2025-04")
    rows.bill_line(customer, amount_minor=7_000, product="旧套餐", period="2025-03")
    rows.bill_line(customer, amount_minor=99_000, currency="USD")
    rows.customer(parent_id=customer)
    with sessions.begin() as session:
        for standing, status in (
            (ContactStanding.KEY, ContactStatus.ACTIVE),
            (ContactStanding.KEY, ContactStatus.LEFT),
            (ContactStanding.ORDINARY, ContactStatus.ACTIVE),
        ):
            person = {"name": "韩梅梅", "standing": standing, "status": status, "do_not_contact": []}
            add_contact(session, customer, person, by=ANA)
    for days in (1, 364, 370):
        rows.work_log(manager, customer_id=customer, started_at=NOON - timedelta(days=days))
    # What was corrected counts as it is right: when it is said to have been.
    wrong, right = rows.work_log(manager, customer_id=customer), NOON - timedelta(days=400)
    rows.work_log(manager, customer_id=customer, started_at=right, corrects_id=wrong)
    with sessions() as session:
        frame = Frame(TERMS.today, SHANGHAI, "CNY")
        found = collect_facts(session, queries.SOURCES, [customer], frame)[customer]
    assert found == {
        facts.KIND: "individual",
        facts.DOCUMENT: "id_card",
        facts.NUMBER_GIVEN: True,
        facts.NUMBER_VALID: True,
        facts.MONTHS: 38,
        facts.STATUS: "active",
        facts.BILLED: 125_000,
        facts.PAID_SHARE: 96,
        facts.ARREARS: 12_000,
        facts.PRODUCTS: ("宽带", "短信"),
        facts.CONTACTS: 2,
        facts.MEMBERS: 1,
        facts.KEY_PERSONS: 1,
    }


def test_many_customers_are_judged_by_as_many_statements_as_few(rows, sessions, database):
    ids = [good(rows, id_no=None) for _ in range(6)]
    asked = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    counts = []
    for some in (ids[:2], ids):
        asked.clear()
        with sessions() as session:
            assert len(operations.preview(session, some, terms=TERMS, now=NOON)) == len(some)
        counts.append(len([one for one in asked if one.lstrip().upper().startswith("SELECT")]))
    assert counts[0] == counts[1]


def test_applying_judges_at_once_and_says_which_rule_found_what(rows, sessions):
    customer = good(rows)
    judge(sessions, customer)
    [found] = stored(sessions, customer)
    assert (found.state, found.occasion, found.outcome, found.grade) == (
        "proposed",
        "application",
        "passed",
        "B",
    )
    assert (found.score, found.rules_version, found.judged_by) == (70, 0, "ana")
    assert found.next_review_on == date(2027, 3, 31)
    months = next(line for text in found.lines if (line := read_line(text)).rule == "year")
    assert (months.datum, months.held, months.points) == (38, True, 10)
    with sessions() as session:
        assert session.get_one(Customer, customer).grade is None


def test_approving_gives_the_customer_kind_and_grade_and_supersedes_the_former_in_one_transaction(
    rows, sessions
):
    customer = good(rows, id_type=IdentityDocument.BUSINESS_LICENCE, id_no=LICENCE)
    first = judge(sessions, customer)
    approve(sessions, first)
    with sessions() as session:
        now = session.get_one(Customer, customer)
        assert (now.kind, now.grade) == (CustomerKind.GROUP, "C")
        events = set(session.scalars(select(AuditEntry.event).where(AuditEntry.subject_id == customer)))
    assert {"qualification.proposed", "qualification.approved", "customer.changed"} <= events
    again = judge(sessions, customer, **days_later(ANA, 1))
    with sessions.begin() as session:
        operations.approve(session, again, **days_later(BORIS, 1))
    assert [(one.state, one.occasion) for one in stored(sessions, customer)] == [
        ("approved", "recheck"),
        ("superseded", "application"),
    ]


@pytest.mark.parametrize("approved", [False, True])
def test_judging_again_the_same_day_by_the_same_rules_and_data_keeps_the_judgement_there_is(
    rows, sessions, approved
):
    customer = good(rows)
    first = judge(sessions, customer)
    if approved:
        approve(sessions, first)
    [before] = stored(sessions, customer)

    with sessions.begin() as session:
        done = operations.apply(session, customer, terms=TERMS, by=BORIS)
        told = ([*done.made], [one.id for one in done.kept], done.one.id)

    assert told == ([], [first], first)
    [now] = stored(sessions, customer)
    assert (now.state, now.judged_by, now.judged_at) == (before.state, "ana", before.judged_at)
    with sessions() as session:
        noted = session.scalars(select(AuditEntry).where(AuditEntry.event == "qualification.proposed")).all()
    assert len(noted) == 1


def _pays(rows, customer, publish):
    rows.bill_line(customer, amount_minor=60_000, kind=BillKind.PAYMENT)


def _other_rules(rows, customer, publish):
    publish(ItemKind.RULES, NAME, write_rules(STANDARD), version=4)


@pytest.mark.parametrize(
    ("since", "days"), [(_pays, 0), (_other_rules, 0), (lambda *_all: None, 1)], ids=["data", "rules", "day"]
)
@pytest.mark.parametrize("approved", [False, True])
def test_judging_again_by_other_data_or_rules_or_on_another_day_is_recorded(
    rows, sessions, publish, since, days, approved
):
    customer = good(rows)
    first = judge(sessions, customer)
    if approved:
        approve(sessions, first)

    since(rows, customer, publish)
    again = judge(sessions, customer, **days_later(ANA, days))

    assert again != first
    latest, before = sorted(stored(sessions, customer), key=lambda one: one.id == first)
    assert (latest.id, latest.state) == (again, "proposed")
    assert before.state == ("approved" if approved else "superseded")


def test_of_many_only_those_are_judged_again_of_whom_something_has_changed(rows, sessions):
    same, changed, new = good(rows), good(rows), good(rows)
    first = judge(sessions, same)
    judge(sessions, changed)
    rows.bill_line(changed, amount_minor=60_000, kind=BillKind.PAYMENT)

    with sessions.begin() as session:
        done = operations.propose_all(session, [same, changed, new], terms=TERMS, by=ANA)
        told = ({one.customer_id for one in done.made}, [one.id for one in done.kept])

    assert told == ({changed, new}, [first])
    assert [len(stored(sessions, one)) for one in (same, changed, new)] == [1, 2, 1]


def test_what_was_refused_or_has_expired_does_not_stand_in_the_way_of_judging_again(rows, sessions):
    refused, expired = good(rows), good(rows)
    with sessions.begin() as session:
        at = operations.apply(session, refused, terms=TERMS, by=ANA).one.id
        operations.refuse(session, at, reason="合同未到期", by=BORIS)
    approve(sessions, judge(sessions, expired))
    with sessions.begin() as session:
        operations.expire(session, date(2027, 4, 1), limit=10, by=ANA)

    for customer in (refused, expired):
        judge(sessions, customer)
        assert [one.state for one in stored(sessions, customer)].count("proposed") == 1
        assert len(stored(sessions, customer)) == 2


def test_who_does_not_pass_loses_the_grade(rows, sessions):
    customer = good(rows, status=CustomerStatus.CLOSED, grade="A")
    approve(sessions, judge(sessions, customer))
    with sessions() as session:
        now = session.get_one(Customer, customer)
        assert now.grade is None
        [kept] = queries.list_of_customer(session, customer)
        assert kept.outcome == "failed"


def test_nobody_decides_on_what_they_submitted(rows, sessions):
    found = judge(sessions, good(rows))
    with pytest.raises(OwnProposalError):
        approve(sessions, found, by=ANA)
    with pytest.raises(OwnProposalError), sessions.begin() as session:
        operations.refuse(session, found, reason="not enough", by=ANA)


def test_a_judgement_is_decided_once(rows, sessions):
    found = judge(sessions, good(rows))
    approve(sessions, found)
    with pytest.raises(NotWaitingError):
        approve(sessions, found)


def test_a_fact_that_decided_and_has_changed_stops_the_approval_and_nothing_is_written(rows, sessions):
    customer = good(rows)
    found = judge(sessions, customer)
    with sessions.begin() as session:
        seen = session.get_one(Customer, customer).updated_at
        change_customer(session, customer, {"id_no": "110105194912310021"}, seen_at=seen, by=ANA)
    with pytest.raises(JudgedStaleError):
        approve(sessions, found)
    assert [one.state for one in stored(sessions, customer)] == ["proposed"]


def test_a_fact_that_has_changed_and_turned_no_rule_stops_nothing(rows, sessions):
    customer = good(rows)
    found = judge(sessions, customer)
    rows.bill_line(customer, amount_minor=100, kind=BillKind.PAYMENT)
    approve(sessions, found)
    assert [one.state for one in stored(sessions, customer)] == ["approved"]


def test_other_rules_published_since_stop_the_approval_until_it_is_judged_again(rows, sessions, publish):
    customer = good(rows)
    found = judge(sessions, customer)
    body = {**write_rules(STANDARD), "grades": {"A": 60, "B": 50, "C": 40}}
    publish(ItemKind.RULES, NAME, body, version=4)
    with pytest.raises(RulesChangedError):
        approve(sessions, found)
    again = judge(sessions, customer)
    approve(sessions, again)
    latest, before = stored(sessions, customer)
    assert (latest.state, latest.grade, latest.rules_version) == ("approved", "A", 4)
    assert before.state == "superseded"


def test_withdrawn_rules_give_way_to_those_built_in(sessions, publish):
    item = publish(ItemKind.RULES, NAME, {**write_rules(STANDARD), "review": 6}, version=4)
    with sessions() as session:
        assert queries.rules_in_force(session, NOON).review == 6
    publish(ItemKind.RULES, NAME, None, item=item, version=5)
    with sessions() as session:
        assert queries.rules_in_force(session, NOON) == STANDARD


def test_rules_that_this_program_cannot_judge_by_are_refused_whole(sessions, publish):
    body = write_rules(STANDARD)
    body["rules"][0]["fact"] = "shoe_size"
    publish(ItemKind.RULES, NAME, body, version=4)
    with sessions() as session:
        assert queries.rules_in_force(session, NOON) == STANDARD


def test_refusing_takes_a_reason_and_leaves_the_customer(rows, sessions):
    customer = good(rows)
    found = judge(sessions, customer)
    with pytest.raises(NoRefusalReasonError), sessions.begin() as session:
        operations.refuse(session, found, reason=" x ", by=BORIS)
    with sessions.begin() as session:
        operations.refuse(session, found, reason="合同未到期", by=BORIS)
    [kept] = stored(sessions, customer)
    assert (kept.state, kept.reason, kept.decided_by) == ("refused", "合同未到期", "boris")


def test_several_are_approved_and_who_cannot_be_is_named_with_the_reason(rows, sessions):
    first, second = judge(sessions, good(rows)), judge(sessions, good(rows, name="李雷"), by=BORIS)
    with sessions.begin() as session:
        done = operations.approve_all(session, [first, second], terms=TERMS, by=BORIS)
    assert done.done == 1
    [(named, why)] = done.left
    assert "李雷" in named
    assert isinstance(why, OwnProposalError)
    with sessions() as session:
        assert session.get_one(Qualification, first).state == "approved"
        assert session.get_one(Qualification, second).state == "proposed"


def test_an_erased_customer_is_not_judged_and_what_was_said_of_them_goes(rows, sessions):
    customer = good(rows)
    found = judge(sessions, customer)
    with sessions.begin() as session:
        operations.refuse(session, found, reason="canary text", by=BORIS)
    with sessions.begin() as session:
        carry_out(session, Known.now(customer, ErasureReason.REQUEST, ANA), by=ANA)
    [kept] = stored(sessions, customer)
    assert (kept.state, kept.reason) == ("refused", None)
    with pytest.raises(CustomerErasedError):
        judge(sessions, customer)
    with sessions() as session:
        assert customer not in queries.never_judged(session, limit=10)
        assert operations.preview(session, [customer], terms=TERMS, now=NOON) == []


def test_what_is_over_expires_and_is_due_until_it_is_judged_again(rows, sessions):
    customer = good(rows)
    approve(sessions, judge(sessions, customer))
    with sessions.begin() as session:
        assert operations.expire(session, date(2027, 3, 31), limit=10, by=ANA) == 0
        assert operations.expire(session, date(2027, 4, 1), limit=10, by=ANA) == 1
    with sessions() as session:
        assert [one.state for one in queries.list_of_customer(session, customer)] == ["expired"]
        assert queries.count_states(session, date(2027, 4, 1)) == {
            "proposed": 0,
            "due": 1,
            "expired": 1,
            "never": 0,
        }
        assert queries.due_customers(session, date(2027, 4, 1), limit=10) == [customer]
    judge(sessions, customer)
    latest, _before = stored(sessions, customer)
    assert latest.occasion == "recheck"
    with sessions() as session:
        assert queries.due_customers(session, date(2027, 4, 1), limit=10) == []
