"""People travel as their accounts stand, without anything an account is entered with."""

import pytest
from sqlalchemy import Engine, select, text

from branch_node.staff.models import StaffMember
from branch_node.tables import APP
from shared.auth import operations as auth
from shared.auth.models import User
from shared.db.migrations import upgrade
from shared.domain.organisation.vocabulary import StaffState
from shared.organisation import operations as organisation
from shared.organisation.operations import DepartmentValues
from shared.rights.vocabulary import StaffKind
from sync_protocol.changelog.models import Change
from tests.support.branch import ANA

PASSWORD = "correct horse battery"


@pytest.fixture
def li(sessions):
    with sessions.begin() as session:
        user, _code = auth.create_user(
            session, username="li", name="李雷", kind=StaffKind.ACCOUNT_MANAGER, by=ANA
        )
        return user.id


def seen(sessions, user_id):
    with sessions() as session:
        return session.get_one(StaffMember, user_id)


def changes(sessions):
    with sessions() as session:
        wanted = select(Change.op).where(Change.record_type == "staff").order_by(Change.id)
        return "".join(session.scalars(wanted))


def change(sessions, user_id, act):
    with sessions.begin() as session:
        act(session, session.get_one(User, user_id))


def test_a_new_account_is_a_person_who_waits_for_the_first_sign_in(sessions, li):
    person = seen(sessions, li)

    assert (person.username, person.name, person.kind) == ("li", "李雷", StaffKind.ACCOUNT_MANAGER)
    assert (person.state, person.duties, person.manager_id) == (StaffState.WAITING, [], None)
    assert changes(sessions) == "I"


def test_what_people_see_of_an_account_is_followed(sessions, li):
    with sessions.begin() as session:
        department = organisation.add_department(session, DepartmentValues("Sales", "S"), by=ANA)
        user = session.get_one(User, li)
        organisation.place_person(session, user, department.id, by=ANA)
        auth.choose_manager(session, user, department.id, by=ANA)
        user.duties = ["cashier"]
    change(sessions, li, lambda session, user: auth.set_password(session, user, PASSWORD, by=ANA))
    active = seen(sessions, li)
    change(sessions, li, lambda session, user: auth.disable_user(session, user, by=ANA))

    assert (active.department_id, active.manager_id) == (department.id, department.id)
    assert (active.state, active.duties) == (StaffState.ACTIVE, ["cashier"])
    assert seen(sessions, li).state is StaffState.DISABLED


def test_what_nobody_sees_is_not_sent_again(sessions, li):
    change(sessions, li, lambda session, user: auth.issue_code(session, user, by=ANA))
    change(sessions, li, lambda _session, user: setattr(user, "last_sign_in_at", ANA.at))
    change(sessions, li, lambda _session, user: auth.choose_language(user, "zh_CN"))

    assert changes(sessions) == "I"


def test_no_secret_of_an_account_stands_where_it_travels(sessions, database, li):
    change(sessions, li, lambda session, user: auth.set_password(session, user, PASSWORD, by=ANA))
    with sessions() as session:
        user = session.get_one(User, li)
        code = auth.issue_code(session, user, by=ANA)
        row = " ".join(map(str, session.execute(text("SELECT * FROM staff")).one()))
        assert user.password_hash is not None
        assert user.password_hash not in row
        assert code not in row


def test_accounts_from_before_are_brought_up_to_date_by_the_next_upgrade(sessions, database, li):
    engine: Engine = database.engine
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM staff"))

    upgrade(database, APP)
    upgrade(database, APP)

    assert seen(sessions, li).name == "李雷"
    assert changes(sessions) == "IDI"


def test_whoever_else_writes_people_is_corrected_at_once(sessions, li):
    change(sessions, li, lambda session, user: auth.set_password(session, user, PASSWORD, by=ANA))
    with sessions.begin() as session:
        session.execute(text("UPDATE staff SET name = 'somebody else', state = 'disabled'"))

    assert (seen(sessions, li).name, seen(sessions, li).state) == ("李雷", StaffState.ACTIVE)


def test_a_person_without_an_account_here_cannot_sign_in(sessions, li):
    unknown = "01936d0a-0000-7000-8000-00000000beef"
    with sessions.begin() as session:
        session.add(
            StaffMember(
                id=unknown,
                username="ghost",
                name="从前",
                kind=StaffKind.ADMINISTRATOR,
                duties=[],
                state=StaffState.ACTIVE,
                created_at=ANA.at,
            )
        )

    assert seen(sessions, unknown).state is StaffState.DISABLED
