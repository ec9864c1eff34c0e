"""Closing the account of who handed over: the branch manager asks, an administrator decides, nobody does both."""

import pytest
from sqlalchemy import select

from branch_node.handover import account
from branch_node.handover.models import Handover
from shared.auth.queries import find_user
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp, Via
from shared.twoperson.models import ProposedAct
from tests.support.branch import NOON

NOW = Stamp(at=NOON, actor="wang", via=Via.WEB)


@pytest.fixture
def sheet(browser, rows, make_user, sessions):
    """The address of a hand-over whose leaver has an account."""
    leaver, taker = rows.manager(name="李离"), rows.manager(name="赵接")
    make_user("lili", StaffKind.ACCOUNT_MANAGER, manager_id=leaver)
    form = {
        "from": leaver,
        "to": taker,
        "ids": rows.customer(manager_id=leaver),
        "last_day": "2026-04-30",
        "reason": "leaves",
    }
    assert browser.send("/handovers", **form).status_code == 200
    with sessions() as session:
        return f"/handovers/{session.scalars(select(Handover.id)).one()}"


def waiting(sessions):
    with sessions() as session:
        return session.scalars(select(ProposedAct)).one()


def is_open(sessions):
    with sessions() as session:
        user = find_user(session, "lili")
        assert user is not None
        return user.disabled_at is None


def test_the_branch_manager_asks_and_an_administrator_closes_the_account(
    browser, sheet, sessions, administrator
):
    page = browser.send(f"{sheet}/account", reason="leaves at the end of April").text
    act = waiting(sessions)

    assert "wang has asked an administrator to close it" in page
    assert is_open(sessions)
    assert "lili" in administrator.get(f"/two-person/{act.id}").text
    assert administrator.send(f"/two-person/{act.id}/approval", digest=act.digest).status_code == 200
    assert not is_open(sessions)
    assert 'id="account"' not in browser.get(sheet).text


def test_nobody_of_the_business_closes_it_themselves(browser, sheet, sessions, make_user, sign_in):
    browser.send(f"{sheet}/account", reason="leaves at the end of April")
    act = waiting(sessions)
    make_user("other")

    for who in (browser, sign_in("other")):
        assert who.send(f"/two-person/{act.id}/approval", digest=act.digest).status_code == 403
    assert is_open(sessions)


def test_who_leaves_asks_for_nothing_and_a_reason_is_needed(browser, sheet, sessions, sign_in):
    assert sign_in("lili").send(f"{sheet}/account", reason="not me").status_code == 403
    assert "alert-danger" in browser.send(f"{sheet}/account", reason=" ").text
    with sessions() as session:
        assert session.scalars(select(ProposedAct)).all() == []


def test_the_sheet_says_what_is_still_open_at_the_account(browser, sheet, sessions):
    with sessions.begin() as session:
        leaver = session.scalars(select(Handover.from_id)).one()
        assert account.open_work(session, leaver, now=NOW) == []
        session.add(
            ProposedAct(
                kind="export",
                subject_type="export",
                subject_id="x",
                payload={},
                digest="0" * 64,
                reason="a list",
                proposed_at=NOON,
                proposed_by="lili",
                expires_at=NOON,
                state="waiting",
            )
        )
    assert "requests to a second person that wait" in browser.get(sheet).text
