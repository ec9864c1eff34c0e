"""The organisation on screen: everybody sees the tree, the business and administrators change it."""

import re

import pytest

from shared.auth.models import User
from shared.organisation import queries
from shared.rights.vocabulary import StaffKind


def add(browser, name, code, **form):
    return browser.send("/organisation/departments", name=name, code=code, position="1", **form)


def department(sessions, code):
    with sessions() as session:
        return next(one for one in queries.list_departments(session) if one.code == code)


def test_a_department_is_added_renamed_moved_merged_and_retired(administrator, sessions):
    assert "North is added." in add(administrator, "North", "N").text
    add(administrator, "South", "S")
    north, south = department(sessions, "N"), department(sessions, "S")
    add(administrator, "Desk", "D", parent_id=north.id)
    desk = department(sessions, "D")
    address = "/organisation/departments"

    page = administrator.send(f"{address}/{desk.id}", name="Front desk", code="FD", position="3", head_id="")
    assert "Front desk" in page.text
    administrator.send(f"{address}/{desk.id}/place", parent_id=south.id)
    assert department(sessions, "FD").parent_id == south.id
    refused = administrator.send(f"{address}/{south.id}/retirement")
    assert refused.status_code == 409
    assert "1 departments under it" in refused.text
    preview = administrator.get(f"{address}/{south.id}/merger?into={north.id}")
    assert "departments move under North" in preview.text
    administrator.send(f"{address}/{south.id}/merger", into=north.id)
    assert department(sessions, "S").retired_at is not None
    assert department(sessions, "FD").parent_id == north.id
    administrator.send(f"{address}/{south.id}/return")
    assert department(sessions, "S").retired_at is None


def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(administrator):
    page = add(administrator, "North", "not a code!")

    assert page.status_code == 400
    assert "A code has 1 to 20 letters or digits" in page.text
    assert 'value="North"' in page.text


def test_the_tree_shows_people_with_kind_and_state(administrator, make_user, sessions):
    add(administrator, "North", "N")
    north = department(sessions, "N")
    clerk = make_user("chen", StaffKind.SERVICE)
    with sessions.begin() as session:
        session.get_one(User, clerk).department_id = north.id

    page = administrator.get("/organisation").text
    narrowed = administrator.get("/organisation?kind=service").text

    assert re.search(r"North.*chen.*Service operator", page, re.DOTALL)
    assert "In no department" in page
    assert "zhang" not in "".join(re.findall(r'<ul class="org-tree">.*</ul>', narrowed, re.DOTALL))


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_the_people_are_exported(administrator, form):
    answer = administrator.take(f"/organisation/export.{form}")

    assert answer.status_code == 200
    assert form == "xlsx" or "zhang" in answer.text


def test_who_may_only_look_changes_nothing(make_user, sign_in, administrator, sessions):
    add(administrator, "North", "N")
    make_user("agent", StaffKind.SERVICE)
    agent = sign_in("agent")

    assert agent.get("/organisation").status_code == 200
    assert "New department" not in agent.get("/organisation").text
    assert add(agent, "South", "S").status_code == 403
    assert (
        agent.send(f"/organisation/departments/{department(sessions, 'N').id}/retirement").status_code == 403
    )
    assert department(sessions, "N").retired_at is None


def test_a_department_that_is_not_there_is_not_found(administrator):
    unknown = "01936d0a-0000-7000-8000-00000000dead"

    assert administrator.get(f"/organisation/departments/{unknown}").status_code == 404
    assert administrator.send(f"/organisation/departments/{unknown}/place").status_code == 404
