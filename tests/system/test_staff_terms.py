"""Our own people are forgotten when their accounts were closed long enough ago: at both tiers, never under a hold."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from branch_node.managers.models import Manager
from branch_node.personal import holds
from branch_node.personal import jobs as terms
from branch_node.personal.models import LegalHold
from hq_server.feed import operations as feed
from hq_server.feed.operations import Draft
from hq_server.personal import jobs as hq_terms
from hq_server.replica.models import ReplicaManager, ReplicaStaff
from shared.audit.models import AuditEntry
from shared.audit.sealing import read_sealed
from shared.auth import operations as accounts
from shared.auth.forgetting import FORGOTTEN
from shared.auth.models import SignInThrottle, User, UserSession
from shared.auth.sessions import begin_session
from shared.domain.personal.keeping import KEEP_ACCOUNTS
from shared.domain.published.vocabulary import ItemKind
from shared.jobs.job import Progress
from shared.rights.vocabulary import StaffKind
from tests.support.world import NOON, BranchHere, World

MONTH = timedelta(days=31)
NAME = "诸葛小明"


@pytest.fixture
def branch(world: World) -> BranchHere:
    """A branch that has just spoken with head office."""
    made = world.make_branch("B001")
    made.push()
    return made


def publish(world: World, months: int) -> None:
    """Have head office say how long names of closed accounts are kept."""
    with world.hq.database.sessions.begin() as session:
        made = feed.make_item(
            session, ItemKind.POLICY, KEEP_ACCOUNTS, Draft(body={"value": months}), by=world.by()
        )
        feed.publish(session, made.id, by=world.by())


def closed(world, runtime, username, ago, kind):
    """Make an account that was closed so long ago, with all that may hang on one."""
    by = world.by()
    with runtime.database.sessions.begin() as session:
        user, _code = accounts.create_user(session, username=username, name=NAME, kind=kind, by=by)
        begin_session(session, user, by=by)
        session.add(
            SignInThrottle(
                key=username,
                user_id=user.id,
                terminal="10.0.0.7",
                failures=1,
                last_at=NOON,
                blocked_until=NOON,
            )
        )
        user.disabled_at = None if ago is None else NOON - ago
        return user.id


def names(runtime):
    with runtime.database.reads() as session:
        return {
            user.username: user.name
            for user in session.scalars(select(User).where(User.name.in_([NAME, FORGOTTEN])))
        }


def night(branch):
    return terms.keep_terms(branch.runtime, branch.world.by("node"), Progress()).counts


def make_people(world, branch):
    for username, ago in {"gone": 13 * MONTH, "recent": 5 * MONTH, "here": None}.items():
        closed(world, branch.runtime, username, ago, StaffKind.SERVICE)
    at = NOON - 13 * MONTH
    left = {"mobile": "13900000001", "created_at": at, "updated_at": at}
    return branch.add_manager(status="left", **left), branch.add_manager(status="active", **left)


def test_a_branch_forgets_closed_accounts_and_telephones_of_those_who_left_and_head_office_follows(
    world, branch
):
    left, stays = make_people(world, branch)
    branch.push()
    assert night(branch) == {}
    publish(world, 12)
    branch.push()

    assert night(branch) == {"accounts": 1, "managers": 1}
    assert night(branch) == {}

    assert names(branch.runtime) == {"gone": FORGOTTEN, "recent": NAME, "here": NAME}
    with branch.runtime.database.reads() as session:
        phones = {one.id: one.mobile for one in session.scalars(select(Manager))}
        assert (phones[left], phones[stays]) == (None, "13900000001")
        assert session.scalar(select(func.count()).select_from(UserSession)) == 2
        assert session.scalar(select(func.count()).select_from(SignInThrottle)) == 2
        made = {
            entry.id: (read_sealed(session, entry) or {}).get("name")
            for entry in session.scalars(select(AuditEntry).where(AuditEntry.event == "user.created"))
        }
        assert sorted(made.values(), key=str) == [None, [None, NAME], [None, NAME]]
        assert not any(NAME in f"{one.details}{one.changes}" for one in session.scalars(select(AuditEntry)))
    branch.push()
    with world.hq.database.reads() as session:
        told = {one.username: one.name for one in session.scalars(select(ReplicaStaff))}
        assert (told["gone"], told["recent"]) == (FORGOTTEN, NAME)
        assert session.scalars(select(ReplicaManager.mobile).where(ReplicaManager.id == left)).one() is None
    world.assert_equal()


def test_nothing_is_forgotten_while_a_legal_hold_is_in_force(world, branch):
    make_people(world, branch)
    closed(world, world.hq, "analyst", 13 * MONTH, StaffKind.ANALYST)
    customer = branch.add_customer()
    publish(world, 12)
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        hold = holds.place(
            session, customer, reason="年度审计", ends_on=None, today=date(2026, 11, 20), by=world.by()
        )
    branch.push()

    assert night(branch) == {}
    assert hq_terms.keep_terms(world.hq, world.by("node"), Progress()).counts == {}
    assert set(names(branch.runtime).values()) | set(names(world.hq).values()) == {NAME}

    with branch.runtime.database.sessions.begin() as session:
        found = session.get_one(LegalHold, hold.id)
        found.released_at, found.released_by, found.release_reason = NOON, "ana", "审计结束"
    branch.push()
    assert night(branch) == {"accounts": 1, "managers": 1}
    assert hq_terms.keep_terms(world.hq, world.by("node"), Progress()).counts == {"accounts": 1}
    assert names(world.hq) == {"analyst": FORGOTTEN}
