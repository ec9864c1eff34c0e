"""People: administrators make accounts, the business grants what they see, and nobody serves themselves."""

import re

import pytest
from sqlalchemy import text

from shared.audit.queries import list_history
from shared.auth import granting
from shared.auth.errors import OwnRightsError, RightsRefusedError
from shared.auth.granting import Rights
from shared.auth.models import User
from shared.organisation import operations as organisation
from shared.organisation.operations import DepartmentValues
from shared.rights.vocabulary import DataRange, Duty, StaffKind
from shared.stamp import Stamp, Via
from tests.support.branch import ANA, NOON

BOSS, CLERK = StaffKind.BRANCH_MANAGER, StaffKind.SERVICE


def user(sessions, user_id):
    with sessions() as session:
        return session.get_one(User, user_id)


def named(sessions, username):
    with sessions() as session:
        return session.query(User).filter_by(username=username).one()


@pytest.fixture
def boss(make_user, sign_in):
    make_user("boss", BOSS)
    return sign_in("boss")


@pytest.fixture
def north(sessions):
    with sessions.begin() as session:
        return organisation.add_department(session, DepartmentValues("North", "N"), by=ANA).id


def test_an_administrator_makes_an_account_that_sees_nothing_until_the_business_grants_it(
    administrator, boss, north, sessions
):
    page = administrator.send(
        "/people", username="li", name="李雷", kind="account_manager", department_id=north
    )
    assert re.search(r"<code>[0-9A-Z-]{29}</code>", page.text)
    li = named(sessions, "li")
    assert (li.data_range, li.department_id) == (DataRange.NONE, north)

    assert administrator.send(f"/people/{li.id}/rights", data_range="self").status_code == 403
    assert "Granted." in boss.send(f"/people/{li.id}/rights", data_range="self").text

    assert user(sessions, li.id).data_range is DataRange.SELF
    with sessions() as session:
        assert next(one.event for one in list_history(session, ("user", li.id))) == "user.rights-granted"


def test_a_range_or_duty_beyond_the_kind_is_refused(boss, make_user, sessions):
    clerk = make_user("chen", CLERK)

    assert boss.send(f"/people/{clerk}/rights", data_range="group").status_code == 400
    assert boss.send(f"/people/{clerk}/rights", data_range="branch").status_code == 400
    assert boss.send(f"/people/{clerk}/rights", data_range="team", duties="log_auditor").status_code == 400
    assert boss.send(f"/people/{clerk}/rights", data_range="no-range").status_code == 400
    assert user(sessions, clerk).data_range is DataRange.TEAM
    boss.send(f"/people/{clerk}/rights", data_range="team", duties="cashier")
    assert user(sessions, clerk).duties == ["cashier"]


def test_nobody_changes_himself(administrator, boss, make_user, sessions):
    own, admin = named(sessions, "boss"), named(sessions, "zhang")
    make_user("second", StaffKind.ADMINISTRATOR)

    assert boss.send(f"/people/{own.id}/rights", data_range="none").status_code == 403
    assert administrator.send(f"/people/{admin.id}/kind", kind="branch_manager").status_code == 403
    assert user(sessions, own.id).data_range is DataRange.BRANCH
    assert user(sessions, admin.id).kind is StaffKind.ADMINISTRATOR


def test_the_operation_itself_refuses_who_may_not_grant(make_user, sessions):
    clerk, chief = make_user("chen", CLERK), make_user("boss", BOSS)

    def grant(user_id, actor):
        with sessions.begin() as session:
            by = Stamp(NOON, actor, Via.WEB, "10.0.0.1")
            granting.grant_rights(session, session.get_one(User, user_id), Rights(DataRange.NONE), by=by)

    with pytest.raises(OwnRightsError):
        grant(chief, "boss")
    for actor in ("chen2", "nobody"):
        with pytest.raises(RightsRefusedError):
            grant(clerk, actor)
    make_user("admin", StaffKind.ADMINISTRATOR)
    with pytest.raises(RightsRefusedError):
        grant(clerk, "admin")
    grant(clerk, "boss")
    assert user(sessions, clerk).data_range is DataRange.NONE


def test_another_kind_ends_duties_range_and_sessions(administrator, boss, make_user, sign_in, sessions):
    clerk = make_user("chen", CLERK)
    browser = sign_in("chen")
    with sessions.begin() as session:
        session.get_one(User, clerk).duties = [Duty.CASHIER.value]

    administrator.send(f"/people/{clerk}/kind", kind="account_manager")

    found = user(sessions, clerk)
    assert (found.kind, found.duties, found.data_range) == (StaffKind.ACCOUNT_MANAGER, [], DataRange.NONE)
    assert browser.get("/account/profile").status_code == 303
    assert administrator.send(f"/people/{clerk}/kind", kind="analyst").status_code == 400


def test_the_last_administrator_stays(administrator, sessions):
    admin = named(sessions, "zhang")

    assert administrator.send(f"/people/{admin.id}/disabled").status_code == 409
    assert user(sessions, admin.id).enabled


def test_a_person_is_placed_disabled_enabled_and_signed_out(
    administrator, make_user, sign_in, north, sessions
):
    clerk = make_user("chen", CLERK)
    browser = sign_in("chen")

    administrator.send(f"/people/{clerk}/department", department_id=north)
    assert user(sessions, clerk).department_id == north
    administrator.send(f"/people/{clerk}/sessions")
    assert browser.get("/account/profile").status_code == 303
    administrator.send(f"/people/{clerk}/disabled")
    assert not user(sessions, clerk).enabled
    administrator.send(f"/people/{clerk}/enabled")
    assert user(sessions, clerk).enabled


def test_a_person_is_handed_the_file_of_an_account_manager(administrator, make_user, rows, sessions):
    manager = rows.manager()
    before, after = make_user("chen", StaffKind.ACCOUNT_MANAGER, manager_id=manager), make_user("wu")

    administrator.send(f"/people/{after}/manager", manager_id=manager)
    assert (user(sessions, before).manager_id, user(sessions, after).manager_id) == (None, manager)
    refused = administrator.send(f"/people/{after}/manager", manager_id=after)
    assert refused.status_code == 400
    assert user(sessions, after).manager_id == manager


def test_the_list_is_searched_filtered_sorted_and_paged(administrator, make_user, north, sessions):
    chen = make_user("chen", CLERK)
    make_user("wu", BOSS)
    with sessions.begin() as session:
        session.get_one(User, chen).department_id = north

    def shown(query):
        page = administrator.get(f"/people?{query}").text
        return [
            name
            for name in ("chen", "wu", "zhang")
            if f">{name}<" in re.sub(r"\s", "", page.split("<tbody>")[-1])
        ]

    assert shown("") == ["chen", "wu", "zhang"]
    assert shown("q=WU") == ["wu"]
    assert shown("kind=service") == ["chen"]
    assert shown(f"department={north}") == ["chen"]
    assert shown("department=none") == ["wu", "zhang"]
    assert shown("state=disabled") == []
    assert shown("state=active&sort=-username") == ["chen", "wu", "zhang"]


def test_who_may_not_look_after_people_sees_none_of_them(make_user, sign_in, sessions):
    clerk = make_user("chen", CLERK)
    browser = sign_in("chen")

    assert browser.get("/people").status_code == 403
    assert browser.get(f"/people/{clerk}").status_code == 403
    for act in ("kind", "department", "manager", "rights", "code", "disabled", "enabled", "sessions"):
        assert browser.send(f"/people/{clerk}/{act}").status_code == 403


def test_a_person_who_is_not_there_is_not_found(administrator):
    assert administrator.get("/people/01936d0a-0000-7000-8000-00000000dead").status_code == 404


@pytest.mark.parametrize("stored", ["'nonsense'", '"all"', "7", '{"1": true}', '[1, "x"]', "[true]"])
def test_nonsense_among_the_branches_of_a_person_is_nobodys_and_their_page_opens(
    administrator, make_user, sessions, dialect, stored
):
    if dialect == "postgresql" and stored == "'nonsense'":
        stored = '"nonsense"'
    make_user("odd", CLERK)
    value = ":stored" if dialect == "sqlite" else "CAST(:stored AS JSONB)"
    with sessions.begin() as session:
        session.execute(
            text(f"UPDATE users SET branches = {value} WHERE username = 'odd'"),
            {"stored": stored},
        )

    odd = named(sessions, "odd")
    assert odd.branches == []
    assert administrator.get(f"/people/{odd.id}").status_code == 200
    assert administrator.get("/people").status_code == 200


def test_no_branches_named_are_all_of_them(make_user, sessions):
    make_user("whole", CLERK)
    assert named(sessions, "whole").branches is None
