"""Departments: no circle, no name twice at a place, nobody left behind, and all of it on record."""

import pytest
from sqlalchemy import select

from shared.audit.models import AuditEntry
from shared.auth import operations as auth
from shared.auth.models import User
from shared.organisation import operations, queries
from shared.organisation.errors import (
    DepartmentCircleError,
    DepartmentCodeError,
    DepartmentCodeTakenError,
    DepartmentInUseError,
    DepartmentNameError,
    DepartmentNameTakenError,
    DepartmentNotFoundError,
    DepartmentPositionError,
    DepartmentRetiredError,
)
from shared.organisation.models import Department
from shared.organisation.operations import DepartmentValues
from shared.rights.vocabulary import StaffKind
from tests.support.branch import ANA, database, sessions

__all__ = ["database", "sessions"]
UNKNOWN = "01936d0a-0000-7000-8000-00000000dead"


@pytest.fixture
def add(sessions):
    def make(name, parent=None, code=None, **values):
        with sessions.begin() as session:
            found = operations.add_department(
                session, DepartmentValues(name, code or name.upper(), **values), parent_id=parent, by=ANA
            )
            return found.id

    return make


@pytest.fixture
def person(sessions):
    def make(username, department=None):
        with sessions.begin() as session:
            user, _code = auth.create_user(
                session, username=username, name=username, kind=StaffKind.SERVICE, by=ANA
            )
            operations.place_person(session, user, department, by=ANA)
            return user.id

    return make


def do(sessions, act, *args):
    with sessions.begin() as session:
        return act(session, *args, by=ANA)


def kept(sessions, department_id):
    with sessions() as session:
        return session.get_one(Department, department_id)


def events(sessions):
    with sessions() as session:
        wanted = select(AuditEntry.event).where(AuditEntry.subject_type == "department")
        return session.scalars(wanted.order_by(AuditEntry.seq)).all()


def test_a_department_is_kept_with_its_place_and_on_record(sessions, add):
    top = add("sales", position="20")
    below = add("hotline", top)

    assert (kept(sessions, below).parent_id, kept(sessions, top).position) == (top, 20)
    assert events(sessions) == ["department.added", "department.added"]


@pytest.mark.parametrize(
    ("values", "error"),
    [
        (("  ", "A"), DepartmentNameError),
        (("n" * 81, "A"), DepartmentNameError),
        (("Sales", "S2"), DepartmentNameTakenError),
        (("Other", ""), DepartmentCodeError),
        (("Other", "A B"), DepartmentCodeError),
        (("Other", "-A"), DepartmentCodeError),
        (("Other", "c" * 21), DepartmentCodeError),
        (("Other", "SALES"), DepartmentCodeTakenError),
        (("Other", "O", "-1"), DepartmentPositionError),
        (("Other", "O", "10000"), DepartmentPositionError),
        (("Other", "O", "1", UNKNOWN), Exception),
    ],
)
def test_a_department_that_cannot_be_is_refused_and_nothing_is_kept(sessions, add, values, error):
    add("sales")

    with pytest.raises(error):
        do(sessions, operations.add_department, DepartmentValues(*values))

    with sessions() as session:
        assert len(queries.list_departments(session)) == 1


def test_the_same_name_may_stand_at_two_places(add):
    add("hotline", add("north"), code="N1")
    add("hotline", add("south"), code="S1")


def test_a_department_never_stands_under_itself(sessions, add):
    top = add("a")
    middle = add("b", top)
    bottom = add("c", middle)

    for target in (top, middle, bottom):
        with pytest.raises(DepartmentCircleError):
            do(sessions, operations.move_department, top, target)
    do(sessions, operations.move_department, bottom, top)

    assert kept(sessions, bottom).parent_id == top
    assert kept(sessions, top).parent_id is None


def test_a_move_to_where_the_name_is_taken_is_refused(sessions, add):
    one, other = add("one"), add("other")
    add("desk", one, code="D1")
    second = add("desk", other, code="D2")

    with pytest.raises(DepartmentNameTakenError):
        do(sessions, operations.move_department, second, one)

    assert kept(sessions, second).parent_id == other


def test_nothing_is_put_into_a_retired_department_or_one_that_is_not_there(sessions, add, person):
    old, live = add("old"), add("live")
    do(sessions, operations.retire_department, old)

    for act, args in (
        (operations.move_department, (live, old)),
        (operations.merge_departments, (live, old)),
    ):
        with pytest.raises(DepartmentRetiredError):
            do(sessions, act, *args)
    with pytest.raises(DepartmentRetiredError):
        add("new", old)
    with pytest.raises(DepartmentRetiredError):
        person("li", old)
    with pytest.raises(DepartmentNotFoundError):
        do(sessions, operations.move_department, live, UNKNOWN)
    with pytest.raises(DepartmentNotFoundError):
        person("li", UNKNOWN)


def test_a_department_is_retired_only_when_nobody_and_nothing_is_left_in_it(sessions, add, person):
    top = add("top")
    below = add("below", top)
    someone = person("li", below)

    for department in (top, below):
        with pytest.raises(DepartmentInUseError):
            do(sessions, operations.retire_department, department)
    with sessions.begin() as session:
        auth.disable_user(session, session.get_one(User, someone), by=ANA)
    do(sessions, operations.retire_department, below)
    do(sessions, operations.retire_department, top)

    assert kept(sessions, top).retired_at == kept(sessions, below).retired_at == ANA.at
    with pytest.raises(DepartmentRetiredError):
        do(sessions, operations.reopen_department, below)
    do(sessions, operations.reopen_department, top)
    assert kept(sessions, top).retired_at is None


def test_a_name_taken_meanwhile_keeps_a_retired_department_retired(sessions, add):
    old = add("desk", code="D1")
    do(sessions, operations.retire_department, old)
    add("desk", code="D2")

    with pytest.raises(DepartmentNameTakenError):
        do(sessions, operations.reopen_department, old)

    assert kept(sessions, old).retired_at is not None


def test_merging_moves_everybody_and_everything_and_retires_the_source(sessions, add, person):
    source, target = add("source"), add("target")
    below = add("below", source)
    people = [person("li", source), person("han", source), person("wu", target)]

    assert do(sessions, operations.merge_departments, source, target) == (2, 1)

    with sessions() as session:
        assert {session.get_one(User, one).department_id for one in people} == {target}
    assert kept(sessions, below).parent_id == target
    assert kept(sessions, source).retired_at is not None
    assert "department.merged" in events(sessions)


def test_a_department_is_not_merged_into_itself_or_one_under_it(sessions, add):
    top = add("top")
    below = add("below", top)

    for target in (top, below):
        with pytest.raises(DepartmentCircleError):
            do(sessions, operations.merge_departments, top, target)


def test_saving_the_same_again_writes_nothing(sessions, add):
    one = add("desk", code="D1")
    before = kept(sessions, one).updated_at

    do(sessions, operations.change_department, one, DepartmentValues("desk", "D1"))
    do(sessions, operations.move_department, one, None)

    assert kept(sessions, one).updated_at == before
    assert events(sessions) == ["department.added"]


def test_a_change_says_what_it_was_before(sessions, add):
    one = add("desk", code="D1")

    do(sessions, operations.change_department, one, DepartmentValues("Front desk", "D1", "7"))

    with sessions() as session:
        entry = session.scalar(select(AuditEntry).where(AuditEntry.event == "department.changed"))
        assert entry.details == {"changed": {"name": ["desk", "Front desk"], "position": [0, 7]}}
