import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from branch_node.managers import operations, queries
from branch_node.managers.models import Manager
from branch_node.managers.operations import ManagerChangedMeanwhileError, ManagerNumberTakenError
from shared.auth.models import User
from shared.domain.managers.vocabulary import ManagerStatus
from shared.rights.vocabulary import StaffKind
from tests.support.branch import ANA, NOON

FORM = {"manager_no": "G1", "name": "王芳", "status": "active"}


def test_a_change_somebody_made_meanwhile_is_not_overwritten(sessions, rows):
    manager_id = rows.manager(name="王芳")
    with sessions.begin() as session:
        later = replace(ANA, at=NOON + timedelta(hours=1))
        operations.change_manager(session, manager_id, {"post": "经理"}, seen_at=NOON, by=later)

    with pytest.raises(ManagerChangedMeanwhileError, match="ana"), sessions.begin() as session:
        operations.change_manager(session, manager_id, {"post": "主管"}, seen_at=NOON, by=ANA)

    with sessions() as session:
        assert queries.get_manager(session, manager_id).post == "经理"


def test_a_staff_number_belongs_to_one_manager(sessions, rows):
    rows.manager(manager_no="G1")

    with pytest.raises(ManagerNumberTakenError), sessions.begin() as session:
        operations.register_manager(
            session, {"manager_no": "G1", "name": "x", "status": ManagerStatus.ACTIVE}, by=ANA
        )


def test_who_left_is_offered_for_nothing_new_but_kept_where_they_are(sessions, rows):
    left, here = rows.manager(status=ManagerStatus.LEFT), rows.manager()

    with sessions() as session:
        assert [each.id for each in queries.manager_choices(session)] == [here]
        assert {each.id for each in queries.manager_choices(session, keep=left)} == {left, here}


def test_a_branch_manager_enters_and_changes_an_account_manager(browser, sessions):
    browser.send("/managers", **FORM, mobile="138 1234 5678")
    with sessions() as session:
        manager = session.scalars(select(Manager)).one()
    form = browser.get(f"/managers/{manager.id}/edit").text
    seen_at = re.findall(r'name="seen_at" value="([^"]+)"', form)[0]

    page = browser.send(f"/managers/{manager.id}", **{**FORM, "name": "王芬"}, seen_at=seen_at)

    assert "Saved." in page.text
    with sessions() as session:
        manager = session.scalars(select(Manager)).one()
    assert (manager.name, manager.mobile, manager.created_by) == ("王芬", None, "wang")


def test_who_saves_later_is_shown_what_is_stored_even_after_a_mistake_and_may_then_put_theirs(
    browser, sessions, rows
):
    manager_id = rows.manager(name="王芳")
    form = browser.get(f"/managers/{manager_id}/edit").text
    with sessions.begin() as session:
        later = replace(ANA, at=NOON + timedelta(hours=1))
        operations.change_manager(session, manager_id, {"post": "经理"}, seen_at=NOON, by=later)
    seen = re.compile(r'name="seen_at" value="([^"]+)"')
    address, mine = f"/managers/{manager_id}", {**FORM, "post": "主管"}

    wrong = browser.send(address, **mine, mobile="12", seen_at=seen.findall(form)[0])
    second = browser.send(address, **mine, seen_at=seen.findall(wrong.text)[0])
    assert (wrong.status_code, second.status_code) == (400, 409)
    assert "Post: <b>经理</b>" in second.text
    with sessions() as session:
        assert queries.get_manager(session, manager_id).post == "经理"

    browser.send(address, **mine, seen_at=seen.findall(second.text)[0])
    with sessions() as session:
        assert queries.get_manager(session, manager_id).post == "主管"


def test_a_user_can_be_made_an_account_manager_and_another_takes_over(browser, sessions, rows, make_user):
    manager_id, first, second = rows.manager(), make_user("one"), make_user("two")
    for user_id in (first, second):
        form = browser.get(f"/managers/{manager_id}/edit").text
        seen_at = re.findall(r'name="seen_at" value="([^"]+)"', form)[0]
        browser.send(f"/managers/{manager_id}", **FORM, seen_at=seen_at, user_id=user_id)

    with sessions() as session:
        assert session.get(User, first).manager_id is None
        assert session.get(User, second).manager_id == manager_id


def test_an_account_manager_may_look_at_the_others_but_not_change_them(make_user, sign_in, rows):
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager())
    browser = sign_in("li")
    manager_id = rows.manager(name="王芳", department="集团部")

    assert "王芳" in browser.get("/managers?q=集团").text
    assert "No account manager matches" in browser.get("/managers?q=nobody").text
    assert browser.get("/managers/new").status_code == 403
    assert browser.send(f"/managers/{manager_id}", **FORM).status_code == 403


def test_a_form_that_cannot_be_right_is_shown_again_with_why(browser, rows):
    rows.manager(manager_no="G1", name="李雷")

    assert "李雷 already has the staff number G1." in browser.send("/managers", **FORM).text
    assert "Please fill this in." in browser.send("/managers", **{**FORM, "name": ""}).text
