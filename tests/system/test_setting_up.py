"""A new branch is ready when its wizard finds everything in place; its people then stand at head office."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from branch_node.cli import cli
from branch_node.inbound.queries import codes
from branch_node.setup import operations, queries
from branch_node.setup.operations import SetupUnfinishedError
from branch_node.setup.queries import SetupStep
from hq_server.feed import operations as feed
from hq_server.feed.operations import Draft
from hq_server.replica.models import ReplicaDepartment, ReplicaStaff
from hq_server.staff.queries import count_by_kind
from shared.auth import operations as auth
from shared.auth.models import User
from shared.domain.organisation.vocabulary import StaffState
from shared.domain.published.codes import kind_names, write_codes
from shared.domain.published.vocabulary import CodeTable, ItemKind
from shared.organisation import operations as organisation
from shared.organisation.operations import DepartmentValues
from shared.rights.policy import ceiling
from shared.rights.vocabulary import StaffKind
from tests.support import setbacks
from tests.support.world import BranchHere, World

NEEDED = (StaffKind.ADMINISTRATOR, StaffKind.BRANCH_MANAGER, StaffKind.ACCOUNT_MANAGER)


@pytest.fixture
def branch(world: World) -> BranchHere:
    return world.make_branch("B001")


def write(branch, act, *args, **values):
    with branch.runtime.database.sessions.begin() as session:
        return act(session, *args, by=branch.world.by(), **values)


def add_people(branch, kinds=NEEDED):
    for kind in kinds:
        write(
            branch,
            auth.create_user,
            username=kind.value,
            name=kind.label,
            kind=kind,
            data_range=ceiling(kind),
        )


def add_department(branch):
    return write(branch, organisation.add_department, DepartmentValues("Front desk", "FD")).id


def left(branch):
    with branch.runtime.database.reads() as session:
        return {one.step for one in queries.list_steps(session) if not one.done}


def test_each_step_is_done_when_what_it_asks_for_is_there(world, branch):
    steps = set(SetupStep) - {SetupStep.KEY}
    assert left(branch) == steps

    add_department(branch)
    assert left(branch) == (steps := steps - {SetupStep.ORGANISATION})
    add_people(branch, NEEDED[:2])
    assert left(branch) == steps
    add_people(branch, NEEDED[2:])
    assert left(branch) == (steps := steps - {SetupStep.PEOPLE})
    write(branch, operations.choose_region, "330106")
    assert left(branch) == (steps := steps - {SetupStep.REGIONS})
    with pytest.raises(SetupUnfinishedError):
        write(branch, operations.finish_setup)
    assert branch.push().outcome == "done"
    assert left(branch) == {SetupStep.FIRST_SYNC}
    write(branch, operations.ask_for_proof, branch.runtime.bindings)
    assert branch.push().outcome == "done"
    assert left(branch) == set()
    write(branch, operations.finish_setup)

    with branch.runtime.database.reads() as session:
        finished = queries.find_finished(session)
    assert finished is not None
    assert finished.finished_by == "ana"


def test_a_branch_manager_without_a_range_keeps_the_people_step_open(branch):
    add_people(branch, (StaffKind.ADMINISTRATOR, StaffKind.ACCOUNT_MANAGER))
    write(branch, auth.create_user, username="boss", name="高山", kind=StaffKind.BRANCH_MANAGER)

    assert SetupStep.PEOPLE in left(branch)


def test_who_left_does_not_count_as_somebody_who_is_there(branch):
    add_people(branch)
    assert SetupStep.PEOPLE not in left(branch)
    with branch.runtime.database.sessions.begin() as session:
        gone = session.scalars(select(User).where(User.kind == StaffKind.ACCOUNT_MANAGER)).one()
        auth.disable_user(session, gone, by=branch.world.by())

    assert SetupStep.PEOPLE in left(branch)


def test_the_organisation_of_a_branch_stands_at_head_office_row_for_row(world, branch):
    department = add_department(branch)
    add_people(branch)
    with branch.runtime.database.sessions.begin() as session:
        person = session.scalars(select(User).where(User.kind == StaffKind.ACCOUNT_MANAGER)).one()
        organisation.place_person(session, person, department, by=world.by())
        auth.set_password(session, person, "correct horse battery", by=world.by())
    branch.push()

    world.assert_equal()
    with world.hq.database.reads() as session:
        found = session.scalars(select(ReplicaStaff).where(ReplicaStaff.id == person.id)).one()
        assert (found.state, found.department_id) == (StaffState.ACTIVE, department)
        assert session.scalars(select(ReplicaDepartment.name)).all() == ["Front desk"]
        assert sum(count_by_kind(session)[1].values()) == len(NEEDED)

    with branch.runtime.database.sessions.begin() as session:
        auth.disable_user(session, session.get_one(User, person.id), by=world.by())
    branch.push()
    world.assert_equal()
    with world.hq.database.reads() as session:
        assert count_by_kind(session)[1][StaffKind.ACCOUNT_MANAGER] == 0


def test_the_names_of_kinds_travel_down(world, branch):
    body = write_codes(kind_names())
    next(one for one in body["codes"] if one["code"] == "service")["zh"] = "前台人员"
    with world.hq.database.sessions.begin() as session:
        item = feed.make_item(
            session, ItemKind.CODE_TABLE, CodeTable.STAFF_KIND.value, Draft(body), by=world.by()
        )
        feed.publish(session, item.id, by=world.by())
    branch.push()

    with branch.runtime.database.reads() as session:
        names = {
            one.code: one.zh for one in codes(session, CodeTable.STAFF_KIND, now=world.clock.now()) or ()
        }
    assert names["service"] == "前台人员"
    assert len(names) == len(StaffKind)


def test_after_a_restore_head_office_sees_the_accounts_as_they_are_now(world, branch):
    add_people(branch)
    branch.push()
    archive = setbacks.back_up_branch(branch)
    with branch.runtime.database.sessions.begin() as session:
        person = session.scalars(select(User).where(User.kind == StaffKind.BRANCH_MANAGER)).one().id
        auth.disable_user(session, session.get_one(User, person), by=world.by())
        late, _code = auth.create_user(
            session, username="late", name="迟到", kind=StaffKind.SERVICE, by=world.by()
        )
    branch.push()

    setbacks.set_back(branch, archive)
    branch.push()
    branch.push()

    world.assert_equal()
    with world.hq.database.reads() as session:
        states = {row[0]: row[1] for row in session.execute(select(ReplicaStaff.id, ReplicaStaff.state))}
    assert states[person] is StaffState.WAITING
    assert states[late.id] is StaffState.DISABLED


def test_a_branch_is_set_up_by_commands_alone(world, branch):
    def run(*words):
        return CliRunner().invoke(cli, [*words, "--home", str(world.folder / "B001")])

    assert run("setup", "department", "FD", "Front desk").exit_code == 0
    assert run("setup", "region", "330100").exit_code == 0
    assert run("setup", "region", "999999").exit_code == 2
    for kind in ("branch_manager", "account_manager", "administrator"):
        added = run("user", "add", kind, "--name", kind, "--kind", kind, "--department", "fd")
        assert added.exit_code == 0, added.output
    assert run("setup", "finish").exit_code == 2
    assert run("setup", "prove").exit_code == 0
    branch.push()

    assert all(json.loads(run("setup", "status", "--json").stdout)["steps"].values())
    assert run("setup", "finish").exit_code == 0
    assert json.loads(run("setup", "status", "--json").stdout)["finished"]
    with branch.runtime.database.reads() as session:
        assert None not in session.scalars(select(User.department_id)).all()
