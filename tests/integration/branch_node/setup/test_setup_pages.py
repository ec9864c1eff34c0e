"""The wizard of a new branch on screen: it says what is there, and lets an administrator do the rest."""

import re

from branch_node.setup import queries
from branch_node.setup.models import ServedRegion, SetupFinished
from shared.rights.vocabulary import StaffKind
from tests.support.branch import NOON


def test_the_wizard_says_of_each_step_whether_it_is_done(administrator):
    page = administrator.get("/setup").text

    assert page.count('class="card" id=') == 6
    assert "0 of 6 steps are done" in page
    assert "Branch manager" in "".join(re.findall(r"Still missing:.*?</p>", page, re.DOTALL))


def test_a_region_is_found_chosen_and_taken_away_again(administrator, sessions):
    hits = administrator.get("/setup?region=西湖").text
    assert "浙江省杭州市西湖区" in hits

    administrator.send("/setup/regions", code="330106")
    administrator.send("/setup/regions", code="330106")
    with sessions() as session:
        assert [one.code for one in session.query(ServedRegion)] == ["330106"]
    assert "浙江省杭州市西湖区" in administrator.get("/setup").text
    administrator.send("/setup/regions/330106/removal")
    with sessions() as session:
        assert session.query(ServedRegion).all() == []


def test_a_region_that_is_none_is_refused(administrator, sessions):
    page = administrator.send("/setup/regions", code="999999")

    assert page.status_code == 400
    assert "There is no region 999999" in page.text
    with sessions() as session:
        assert session.query(ServedRegion).all() == []


def test_it_cannot_be_finished_before_it_is_done(administrator, sessions):
    answer = administrator.send("/setup/finish")

    assert answer.status_code == 409
    assert "Departments" in answer.text
    with sessions() as session:
        assert not queries.is_finished(session)


def test_a_strip_leads_to_it_until_it_is_finished(make_user, sign_in, sessions):
    make_user("boss", StaffKind.BRANCH_MANAGER)
    make_user("chen", StaffKind.ACCOUNT_MANAGER)
    boss, clerk = sign_in("boss"), sign_in("chen")

    assert "This branch is being set up" in boss.get("/home", follow_redirects=True).text
    assert "being set up" not in clerk.get("/home", follow_redirects=True).text
    with sessions.begin() as session:
        session.add(SetupFinished(id=1, finished_at=NOON, finished_by="zhang"))
    assert "being set up" not in boss.get("/home", follow_redirects=True).text


def test_only_an_administrator_changes_anything(make_user, sign_in, sessions):
    make_user("boss", StaffKind.BRANCH_MANAGER)
    boss = sign_in("boss")

    assert boss.get("/setup").status_code == 200
    assert boss.send("/setup/regions", code="330106").status_code == 403
    assert boss.send("/setup/finish").status_code == 403
    with sessions() as session:
        assert session.query(ServedRegion).all() == []
