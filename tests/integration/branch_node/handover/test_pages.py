"""Handing over on screen: chosen, looked at, done, signed by both with their own accounts."""

import html
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from branch_node.customers.models import Customer
from branch_node.handover import pages
from branch_node.handover.models import Handover
from branch_node.managers.models import Manager
from shared.domain.managers.vocabulary import ManagerStatus
from shared.rights.vocabulary import StaffKind
from tests.support.branch import ANA, NOON

FORM = {"reason": "leaves", "last_day": "2026-04-30"}


@pytest.fixture
def people(rows):
    return rows.manager(name="李离"), rows.manager(name="赵接")


@pytest.fixture
def held(rows, people):
    made = {"manager_id": people[0], "mobile": "13800138000"}
    return [rows.customer(customer_no=f"K{each}", name=f"客{each}", **made) for each in range(3)]


@pytest.fixture
def sheet(browser, people, held, sessions):
    browser.send("/handovers", **{"from": people[0], "to": people[1], "ids": " ".join(held), **FORM})
    with sessions() as session:
        return session.scalars(select(Handover)).one().id


def holders(sessions):
    with sessions() as session:
        return {one.manager_id for one in session.scalars(select(Customer))}


def test_the_form_shows_whom_they_hold_and_the_filter_narrows_it(browser, people, held, rows):
    rows.customer(manager_id=people[0], customer_no="G1", kind="group", region_code="330106")
    page = browser.get("/handovers/new", query_string={"from": people[0]}).text
    assert page.count('name="customer"') == 4
    page = browser.get("/handovers/new", query_string={"from": people[0], "kind": "group"}).text
    assert page.count('name="customer"') == 1
    assert "G1" in page
    assert "西湖区" in page


def test_of_more_than_are_listed_everybody_is_handed_over_in_one_go_or_those_marked(
    browser, people, held, rows, sessions, monkeypatch
):
    monkeypatch.setattr(pages, "LISTED", 2)
    leaver, taker = people
    others = {rows.customer(manager_id=leaver) for _ in range(3)}
    strangers = rows.customer(manager_id=rows.manager())
    form = browser.get(f"/handovers/new?from={leaver}").text
    listed = re.findall(r'name="customer" value="([^"]+)"', form)
    said = {"from": leaver, "to": taker, "customer": listed, **FORM}

    some = browser.send("/handovers/preview", **said)
    every = browser.send("/handovers/preview", **said, everybody="yes")
    ids = [set(re.findall(r'name="ids" value="([^"]*)"', page.text)[0].split()) for page in (some, every)]
    browser.send("/handovers", **said, ids=" ".join(ids[1]))

    assert "All 6 customers that the filter finds" in form
    assert len(listed) == 2
    assert ids == [set(listed), {*held, *others}]
    with sessions() as session:
        now = dict(session.execute(select(Customer.id, Customer.manager_id)).all())
    assert {at for at, manager in now.items() if manager == taker} == ids[1]
    assert now[strangers] not in people


def test_the_preview_says_what_moves_and_writes_nothing(browser, people, held, sessions):
    page = browser.send(
        "/handovers/preview", **{"from": people[0], "to": people[1], "customer": held[0], **FORM}
    ).text
    assert "K0 客0" in page
    assert "K1" not in page
    assert held[0] in page
    assert holders(sessions) == {people[0]}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"to": ""}, "another account manager at work"),
        ({"last_day": "soon"}, "Give the last day and the reason."),
        ({"last_day": "1900-01-01"}, "more than a year from today"),
        ({"customer": ""}, "Choose from one to"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_written(browser, people, held, sessions, given, said):
    form = {"from": people[0], "to": people[1], "customer": held[0], **FORM, **given}
    assert said in browser.send("/handovers/preview", **form).text
    assert holders(sessions) == {people[0]}


def test_a_form_that_was_refused_keeps_what_was_chosen_and_the_filter(browser, people, held, sessions):
    form = {
        "from": people[0],
        "to": people[1],
        "customer": held[1],
        "reason": "leaves",
        "last_day": "1900-01-01",
    }
    address = "/handovers/preview?kind=individual&from=" + people[0]
    page = browser.send(address, **form, mark_left="yes")

    assert page.status_code == 400
    assert re.findall(r'name="customer" value="([^"]+)" checked', page.text) == [held[1]]
    assert f'value="{people[1]}" selected' in page.text
    assert 'value="leaves" selected' in page.text
    assert 'value="individual" selected' in page.text
    assert re.search(r'name="mark_left" value="yes" checked', page.text)
    assert not re.search(r'name="with_shares" value="yes" checked', page.text)
    assert 'id="e-last_day"' in page.text
    # filtering goes on where the form lives, and so does the form
    assert 'class="filters" method="get" action="/handovers/new"' in page.text
    assert (
        "kind=individual"
        in re.findall(r'<form method="post" action="(/handovers/preview[^"]*)"', page.text)[0]
    )
    assert holders(sessions) == {people[0]}


def test_from_the_preview_one_goes_back_to_the_form_with_everything_kept(
    browser, people, held, sessions, rows
):
    rows.customer(customer_no="G1", kind="group", manager_id=people[0])
    chosen = {"from": people[0], "to": people[1], "customer": held[:2], **FORM, "mark_left": "yes"}
    shown = browser.send(f"/handovers/preview?kind=individual&from={people[0]}", **chosen).text
    address = html.unescape(re.findall(r'formaction="([^"]+)"', shown)[0])
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', shown))
    del hidden["csrf_token"]

    form = browser.send(address, **hidden)

    assert form.status_code == 200
    assert set(re.findall(r'name="customer" value="([^"]+)" checked', form.text)) == {*held[:2]}
    assert "G1" not in form.text
    assert f'value="{people[1]}" selected' in form.text
    assert 'value="leaves" selected' in form.text
    assert 'value="2026-04-30"' in form.text
    assert re.search(r'name="mark_left" value="yes" checked', form.text)
    assert not re.search(r'name="with_shares" value="yes" checked', form.text)
    assert holders(sessions) == {people[0]}


def test_a_refused_note_about_the_paper_stands_at_its_field(browser, sheet):
    page = browser.send(f"/handovers/{sheet}/paper", where="A")

    assert page.status_code == 400
    assert 'id="e-where"' in page.text
    assert 'name="where" type="text" value="A"' in page.text


def test_the_sheet_lists_every_customer_and_is_taken_back_in_one_step(browser, people, sheet, sessions):
    page = browser.get(f"/handovers/{sheet}").text
    # Whoever signs on paper writes the day beside it.
    assert page.count("____________ Day ________") == 2
    assert all(f"K{each}" in page for each in range(3))
    assert "13800138000" in page
    assert holders(sessions) == {people[1]}

    assert "The hand-over is taken back" in browser.send(f"/handovers/{sheet}/undo").text
    assert holders(sessions) == {people[0]}


def test_both_sign_with_their_own_accounts_and_the_leaver_sees_numbers_alone(
    sheet, people, make_user, sign_in, sessions
):
    for name, manager_id in zip(("li", "zhao"), people, strict=True):
        make_user(name, StaffKind.ACCOUNT_MANAGER, manager_id)
    leaver, taker = sign_in("li"), sign_in("zhao")

    page = leaver.get(f"/handovers/{sheet}").text
    assert "K0" in page
    assert "客0" not in page
    assert "13800138000" not in page
    assert "客0" in taker.get(f"/handovers/{sheet}").text
    assert "wait for your signature: 1" in taker.get("/handovers").text
    for each in (leaver, taker):
        assert "You have signed this hand-over." in each.send(f"/handovers/{sheet}/sign").text
    with sessions() as session:
        made = session.get_one(Handover, sheet)
        assert (made.signed_from_by, made.signed_to_by) == ("li", "zhao")


def test_the_leavers_signature_on_paper_is_noted(browser, sheet):
    assert "Write in 2 to 100" in browser.send(f"/handovers/{sheet}/paper", where="").text
    assert "on paper: 夹 7; noted by" in browser.send(f"/handovers/{sheet}/paper", where="夹 7").text


def test_who_leaves_is_marked_as_left_from_the_sheet(browser, people, sheet, sessions, rows):
    rows.customer(manager_id=people[0])
    assert "Still held by them: 1 customers" in browser.get(f"/handovers/{sheet}").text

    assert "Marked as left." in browser.send(f"/handovers/{sheet}/leaving").text

    assert "Mark as left" not in browser.get(f"/handovers/{sheet}").text
    assert browser.send(f"/handovers/{sheet}/leaving").status_code == 409
    with sessions() as session:
        assert session.get_one(Manager, people[0]).status is ManagerStatus.LEFT


def test_who_stays_when_it_is_taken_back_is_told_by_the_sheet_whenever_it_is_read(
    browser, sheet, held, sessions
):
    with sessions.begin() as session:
        session.get_one(Customer, held[1]).touch(replace(ANA, at=NOON + timedelta(minutes=5)))

    page = browser.send(f"/handovers/{sheet}/undo").text

    assert "but for 1 customers changed since" in page
    for again in (page, browser.get(f"/handovers/{sheet}").text):
        assert again.count("stays with 赵接") == 1
        assert again.index("K1</a>") < again.index("stays with 赵接") < again.index("K2</a>")


@pytest.mark.parametrize("kind", [StaffKind.ACCOUNT_MANAGER, StaffKind.SERVICE])
def test_who_is_no_party_sees_no_sheet_and_hands_nobody_over(
    sheet, people, kind, rows, make_user, sign_in, sessions
):
    make_user("sun", kind, rows.manager() if kind is StaffKind.ACCOUNT_MANAGER else None)
    other = sign_in("sun")

    assert other.get(f"/handovers/{sheet}").status_code == 404
    assert "No hand-over yet" in other.get("/handovers").text
    assert other.get("/handovers/new").status_code == 403
    assert other.send(f"/handovers/{sheet}/sign").status_code == 404
    assert other.send(f"/handovers/{sheet}/undo").status_code == 403
    assert holders(sessions) == {people[1]}
