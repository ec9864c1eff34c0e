"""Qualification on screen: an account manager applies, a branch manager decides, everybody reads why."""

import re
from dataclasses import replace
from datetime import date

import pytest

from branch_node.customers.models import Customer
from branch_node.qualification import operations, queries
from shared.domain.customers.vocabulary import IdentityDocument
from shared.rights.vocabulary import StaffKind
from tests.integration.branch_node.qualification.test_judging import TERMS
from tests.support.branch import ANA


@pytest.fixture
def customer(rows):
    manager = rows.manager(name="梅")
    who = rows.customer(
        name="张伟",
        customer_no="K-1",
        id_type=IdentityDocument.ID_CARD,
        id_no="11010519491231002X",
        opened_on=date(2020, 1, 1),
        manager_id=manager,
    )
    return who, manager


def proposal(sessions, customer):
    with sessions() as session:
        return queries.find_proposed(session, customer)


def test_an_account_manager_applies_and_a_branch_manager_approves(
    browser, make_user, sign_in, customer, sessions
):
    who, manager = customer
    make_user("mei", StaffKind.ACCOUNT_MANAGER, manager)
    mei = sign_in("mei")
    assert "Apply for qualification" in mei.get(f"/customers/{who}/profile").text
    shown = mei.send("/qualifications", customer_id=who).text
    assert "Time with us at least 36 months" in shown
    assert "somebody else decides" in shown
    assert "/approval" not in shown
    found = proposal(sessions, who)
    assert mei.send(f"/qualifications/{found.id}/approval").status_code == 403
    page = browser.get(f"/qualifications/{found.id}").text
    assert f"/qualifications/{found.id}/approval" in page
    assert "Approved." in browser.send(f"/qualifications/{found.id}/approval").text
    with sessions() as session:
        assert session.get_one(Customer, who).grade == found.grade
    assert "Every rule and the history" in browser.get(f"/customers/{who}/profile").text


def test_judging_again_when_nothing_has_changed_says_when_it_was_judged_and_leads_there(
    browser, customer, sessions, rows
):
    who, _manager = customer
    browser.send("/qualifications", customer_id=who)
    found = proposal(sessions, who)

    told = browser.send("/qualifications", customer_id=who)

    assert told.request.path == f"/qualifications/{found.id}"
    assert re.search(
        r"Nothing that decides has changed since it was judged on \d{4}-\d\d-\d\d \d\d:\d\d", told.text
    )
    assert proposal(sessions, who).id == found.id
    with sessions() as session:
        assert len(queries.list_of_customer(session, who)) == 1
    rows.bill_line(who, amount_minor=100)
    assert "Judged. Somebody else decides" in browser.send("/qualifications", customer_id=who).text


def test_who_submitted_it_is_told_that_somebody_else_decides(browser, customer, sessions):
    who, _manager = customer
    browser.send("/qualifications", customer_id=who)
    found = proposal(sessions, who)
    page = browser.get(f"/qualifications/{found.id}").text
    assert "You submitted this judgement" in page
    assert "/approval" not in page
    assert browser.send(f"/qualifications/{found.id}/approval").status_code == 403


def test_the_only_branch_manager_decides_the_same_day_once_the_account_manager_has_judged_again(
    browser, make_user, sign_in, customer, sessions
):
    who, manager = customer
    make_user("mei", StaffKind.ACCOUNT_MANAGER, manager)
    browser.send("/qualifications", customer_id=who)
    own = proposal(sessions, who)
    assert "the account manager judges the customer again" in browser.get(f"/qualifications/{own.id}").text

    sign_in("mei").send("/qualifications", customer_id=who)
    found = proposal(sessions, who)
    assert "Approved." in browser.send(f"/qualifications/{found.id}/approval").text

    with sessions() as session:
        latest, before = queries.list_of_customer(session, who)
        by_id = {one.id: (one.state, one.judged_by, one.decided_by) for one in (latest, before)}
    assert by_id == {own.id: ("superseded", "wang", None), found.id: ("approved", "mei", "wang")}


@pytest.mark.parametrize("second", [StaffKind.BRANCH_MANAGER, StaffKind.ACCOUNT_MANAGER])
def test_who_may_decide_on_a_judgement_that_waits_does_not_put_their_own_in_its_place(
    browser, make_user, sign_in, customer, sessions, second
):
    who, manager = customer
    make_user("mei", second, manager if second is StaffKind.ACCOUNT_MANAGER else None)
    mei = sign_in("mei")
    mei.send("/qualifications", customer_id=who)
    found = proposal(sessions, who)

    browser.send("/qualifications", customer_id=who)

    assert proposal(sessions, who).id == found.id
    assert "Approved." in browser.send(f"/qualifications/{found.id}/approval").text


def test_a_second_account_manager_leaves_the_judgement_of_the_first_in_place(
    make_user, sign_in, customer, sessions
):
    who, manager = customer
    for name in ("mei", "lin"):
        make_user(name, StaffKind.ACCOUNT_MANAGER, manager if name == "mei" else None)
    sign_in("mei").send("/qualifications", customer_id=who)
    found = proposal(sessions, who)

    with sessions.begin() as session:
        kept = operations.apply(session, who, terms=TERMS, by=replace(ANA, actor="lin")).kept
        assert [one.id for one in kept] == [found.id]
    assert proposal(sessions, who).id == found.id


def test_a_refusal_without_a_reason_is_asked_again_and_one_with_it_is_kept(browser, customer, sessions):
    who, _manager = customer
    with sessions.begin() as session:
        found = operations.apply(session, who, terms=TERMS, by=ANA).one.id
    asked = browser.send(f"/qualifications/{found}/refusal", reason="")
    assert asked.status_code == 400
    assert "3 to 500 characters" in asked.text
    told = browser.send(f"/qualifications/{found}/refusal", reason="合同未到期")
    assert "合同未到期" in told.text
    assert proposal(sessions, who) is None


def test_another_account_manager_neither_sees_nor_judges(make_user, sign_in, customer, rows, sessions):
    who, _manager = customer
    with sessions.begin() as session:
        found = operations.apply(session, who, terms=TERMS, by=ANA).one.id
    make_user("liu", StaffKind.ACCOUNT_MANAGER, rows.manager(name="刘"))
    liu = sign_in("liu")
    assert liu.get(f"/qualifications/{found}").status_code == 404
    assert "K-1" not in liu.get("/qualifications").text
    assert liu.send("/qualifications", customer_id=who).status_code == 404


def test_many_are_judged_after_a_preview_of_what_would_change(browser, rows, sessions, customer):
    for _ in range(3):
        rows.customer()
    page = browser.get("/qualifications/judging?whom=never").text
    assert "Judge 4 customers" in page
    assert "张伟" in page
    told = browser.send("/qualifications/judging", whom="never").text
    assert "4 customers are judged" in told
    assert "Nobody to judge" in browser.get("/qualifications/judging?whom=never").text


def test_those_marked_are_approved_and_ones_own_are_left_out(browser, rows, sessions, customer):
    who, _manager = customer
    other = rows.customer(name="李雷")
    with sessions.begin() as session:
        operations.apply(session, who, terms=TERMS, by=ANA)
    browser.send("/qualifications", customer_id=other)
    page = browser.get("/qualifications/approving").text
    ids = re.findall(r'name="id" value="([^"]+)"', page)
    assert ids == [proposal(sessions, who).id]
    assert "李雷</b>: You submitted" in page
    told = browser.send("/qualifications/approving", id=ids).text
    assert "1 judgements are approved" in told
    assert proposal(sessions, who) is None
    assert proposal(sessions, other) is not None


def test_the_list_filters_and_sorts_and_says_what_waits(browser, rows, sessions, customer):
    who, _manager = customer
    rows.customer()
    with sessions.begin() as session:
        operations.apply(session, who, terms=TERMS, by=ANA)
    assert "K-1" in browser.get("/qualifications?state=proposed&sort=-score").text
    assert "No judgement matches" in browser.get("/qualifications?state=approved").text
    assert "No judgement matches" in browser.get("/qualifications?due=yes").text
    board = browser.get("/board").text
    assert "Qualifications to decide on" in board


def test_the_rules_in_force_are_shown_in_words(browser):
    page = browser.get("/qualifications/rules").text
    assert "built in, until head office publishes others" in page
    assert "A from 80, B from 60, C from 40" in page
