"""Keys of nodes: replaced while work goes on, revoked at once, lost and given anew; nothing is lost on the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import func, select

from branch_node import app as branch_app
from branch_node.config import create_home
from branch_node.customers.models import Customer
from branch_node.outbound import keys
from branch_node.outbound.client import Credentials, HqClient, HqRefusedError, Vitals
from branch_node.outbound.errors import AlreadyMemberError
from branch_node.outbound.jobs import watch_key
from branch_node.outbound.membership import join_hq
from branch_node.outbound.models import Membership
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, BranchRuntime, Request
from hq_server.branches.errors import AlreadyJoinedError, KeyNotFoundError
from hq_server.branches.keys import revoke
from hq_server.branches.models import Branch, BranchKey
from hq_server.branches.operations import enrol_branch
from hq_server.branches.queries import get_branch
from hq_server.replica.models import ReplicaCustomer
from shared.alarms.queries import list_open
from shared.audit.models import AuditEntry
from shared.jobs.job import Progress
from sync_protocol.contract.keys import key_id, public_key_of
from tests.support import setbacks
from tests.support.world import HQ_URL, BranchHere, World, WsgiTransport

_numbers = count(1)


class CrashError(Exception):
    """The process dies here."""


def crash(*_args: Any, **_named: Any) -> None:
    raise CrashError


def our_key(branch: BranchHere) -> str:
    return key_id(public_key_of(branch.runtime.private_key))


def pinned(world: World, code: str = "B001") -> dict[str, BranchKey]:
    with world.hq.database.reads() as session:
        number = get_branch(session, code).number
        rows = session.scalars(select(BranchKey).where(BranchKey.branch_number == number))
        return {row.key_id: row for row in rows}


def enrol_again(world: World, code: str = "B001") -> str:
    with world.hq.database.sessions.begin() as session:
        return enrol_branch(session, code, "分公司", push_interval_s=600, by=world.by(), again=True)[1]


def join_again(branch: BranchHere, code: str) -> None:
    join_hq(branch.runtime, HQ_URL, code, by=branch.world.by(), again=True)


def revoke_all(world: World, code: str = "B001") -> None:
    with world.hq.database.sessions.begin() as session:
        revoke(session, get_branch(session, code), key=None, by=world.by())


def ask_under(branch: BranchHere, private_key: bytes) -> str:
    """Sign a request with some key; return what HQ says."""
    node = branch.runtime.settings.node_id
    credentials = Credentials(node, private_key, HQ_URL, hq_key(branch))
    client = HqClient(
        branch.world.transport(), credentials, branch.runtime.clock, lambda: f"asked-{next(_numbers)}"
    )
    try:
        client.chain("profile", None)
    except HqRefusedError as error:
        return error.problem
    return "taken"


def hq_key(branch: BranchHere) -> bytes:
    with branch.runtime.database.reads() as session:
        return session.get_one(Membership, 1).hq_public_key


def lineage(branch: BranchHere) -> int:
    with branch.runtime.database.reads() as session:
        return session.get_one(Membership, 1).lineage


def customers(branch: BranchHere) -> int:
    with branch.runtime.database.reads() as session:
        return session.scalar(select(func.count()).select_from(Customer)) or 0


def open_node(world: World, name: str, database_url: str) -> BranchRuntime:
    """Set up a new home on a database, as `init` does."""
    home = world.folder / name
    create_home(home, database_url=database_url)
    nonces = count(1)
    return replace(
        branch_app.open_runtime(home),
        clock=world.clock,
        transport=world.transport(),
        uniform=lambda low, _high: low,
        new_nonce=lambda: f"{name}-{next(nonces)}",
    )


# --- rotation ------------------------------------------------------------------------------------


def test_a_key_is_replaced_while_a_backlog_goes_and_both_are_taken_for_a_while(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    before, old = our_key(branch), branch.runtime.private_key
    for _ in range(3):
        branch.add_bill_line(branch.add_customer())
    keys.make_next(branch.runtime.settings.home)

    assert branch.push().outcome == "done"

    assert our_key(branch) != before
    assert not keys.has_next(branch.runtime.settings.home)
    world.assert_equal()
    held = pinned(world)
    assert held[our_key(branch)].first_used_at == world.clock.now()
    assert held[before].valid_until == world.clock.now() + timedelta(hours=1)
    assert ask_under(branch, old) != "unknown-node", "what is on its way under the old key still arrives"
    world.advance(hours=1, seconds=1)
    assert ask_under(branch, old) == "unknown-node"
    assert branch.push().outcome == "done"


def test_an_announced_key_that_is_not_used_leaves_the_old_one_a_day(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    old = our_key(branch)
    announce_only(branch)

    assert pinned(world)[old].valid_until == world.clock.now() + timedelta(hours=24)
    world.advance(hours=23)
    assert ask_under(branch, branch.runtime.private_key) != "unknown-node"
    world.advance(hours=2)
    assert ask_under(branch, branch.runtime.private_key) == "unknown-node"
    branch.add_customer()
    assert branch.push().outcome == "done", "the next cycle goes on under the new key"
    assert our_key(branch) != old
    world.assert_equal()


def announce_only(branch: BranchHere) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "put_in_place", crash)
        keys.make_next(branch.runtime.settings.home)
        with pytest.raises(CrashError):
            branch.push()


def rotate(branch: BranchHere) -> None:
    keys.make_next(branch.runtime.settings.home)
    branch.push()


STEPS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "before the next key is written": lambda patch: patch.setattr("shared.config.Home.write_key", crash),
    "before it is announced": lambda patch: patch.setattr(HqClient, "announce_key", crash),
    "after it is announced": lambda patch: patch.setattr(HqClient, "use_key", crash),
    "before it is put in place": lambda patch: patch.setattr("shared.config.Home.replace_key", crash),
    "after it is put in place": lambda patch: patch.setattr(keys, "_note", crash),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("hours", [0, 25])
def test_a_rotation_cut_off_anywhere_is_finished_by_running_it_again(
    world: World, step: str, hours: int
) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    old = our_key(branch)
    branch.add_customer()
    with pytest.MonkeyPatch.context() as patch:
        STEPS[step](patch)
        with pytest.raises(CrashError):
            rotate(branch)

    world.advance(hours=hours)
    if our_key(branch) == old:
        keys.make_next(branch.runtime.settings.home)
    branch.add_customer()
    result = branch.push()

    assert (result.outcome, result.problem) == ("done", None)
    assert our_key(branch) != old
    in_use = [one for one in pinned(world).values() if one.revoked_at is None and one.valid_until is None]
    assert [one.key_id for one in in_use] == [our_key(branch)]
    world.assert_equal()


def test_a_rotation_whose_answers_are_lost_comes_through(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    keys.make_next(branch.runtime.settings.home)

    class LosesAnswers(WsgiTransport):
        def send(self, request: Request) -> Answer:
            answer = super().send(request)
            if "/keys/" in request.url:
                raise NoAnswerError(reason="lost")
            return answer

    assert branch.push(transport=LosesAnswers(world.app)).outcome == "retry"
    assert keys.has_next(branch.runtime.settings.home)
    assert branch.push().outcome == "done"
    assert len(pinned(world)) == 2


def test_a_given_up_key_is_dropped_when_another_is_announced(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    announce_only(branch)
    given_up = branch.runtime.settings.home.read_key("node.key.next")
    (branch.runtime.settings.home.keys / "node.key.next").unlink()

    keys.make_next(branch.runtime.settings.home)
    assert branch.push().outcome == "done"

    assert pinned(world)[key_id(public_key_of(given_up))].revoked_at is not None
    assert ask_under(branch, given_up) == "unknown-node"


@pytest.mark.parametrize(("days", "code"), [(329, None), (330, "key-old"), (365, "key-too-old")])
def test_the_age_of_a_key_is_watched_and_a_new_one_clears_the_alarm(
    world: World, days: int, code: str | None
) -> None:
    branch = world.make_branch("B001")
    world.advance(days=days)
    watch_key(branch.runtime, world.by(), Progress())
    with branch.runtime.database.reads() as session:
        told = [(alarm.code, alarm.details["days"]) for alarm in list_open(session)]
    assert told == ([(code, days)] if code else [])

    keys.make_next(branch.runtime.settings.home)
    assert branch.push().outcome == "done"
    watch_key(branch.runtime, world.by(), Progress())

    with branch.runtime.database.reads() as session:
        assert list_open(session) == []


# --- revoking ------------------------------------------------------------------------------------


def test_a_revoked_key_is_refused_from_the_next_request_on_even_within_a_cycle(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    branch.add_customer()
    branch.add_manager()

    class RevokedOnTheWay(WsgiTransport):
        revoked = False

        def send(self, request: Request) -> Answer:
            answer = super().send(request)
            if request.method == "POST" and not self.revoked:
                revoke_all(world)
                self.revoked = True
            return answer

    result = branch.push(transport=RevokedOnTheWay(world.app))

    assert (result.outcome, result.problem) == ("failed", "unknown-node")
    with world.hq.database.reads() as session:
        assert session.scalar(select(func.count()).select_from(ReplicaCustomer)) == 0
        events = set(session.scalars(select(AuditEntry.event)))
    assert "branch.keys-revoked" in events


def test_one_key_is_revoked_by_its_first_digits_and_no_other(world: World) -> None:
    first, second = world.make_branch("B001"), world.make_branch("B002")
    with world.hq.database.sessions.begin() as session:
        branch = get_branch(session, "B001")
        for wrong in ("", "0123", our_key(second)):
            with pytest.raises(KeyNotFoundError):
                revoke(session, branch, key=wrong, by=world.by())
        shown = " ".join(our_key(first)[start : start + 4] for start in range(0, 20, 4)).upper()
        revoke(session, branch, key=shown, by=world.by())

    assert first.push().problem == "unknown-node"
    assert second.push().outcome == "done"


# --- joining again -------------------------------------------------------------------------------


def test_a_branch_that_lost_its_key_joins_again_and_goes_on_where_it_was(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    lost = branch.runtime.private_key
    (branch.runtime.settings.home.keys / "node.key").unlink()
    branch.add_customer()

    join_again(branch, enrol_again(world))
    result = branch.push()

    assert (result.outcome, lineage(branch), customers(branch)) == ("done", 1, 2)
    assert ask_under(branch, lost) == "unknown-node"
    world.assert_equal()


def test_joining_again_may_be_cut_off_and_repeated_with_the_same_code(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    code = enrol_again(world)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.config.Home.replace_key", crash)
        with pytest.raises(CrashError):
            join_again(branch, code)

    join_again(branch, code)

    assert branch.push().outcome == "done"
    with pytest.raises(HqRefusedError, match="code-refused"):
        join_again(branch, code)
    assert branch.push().outcome == "done" or keys.has_next(branch.runtime.settings.home)


def test_a_lost_home_on_the_old_database_goes_on_with_what_was_sealed_under_the_old_node(
    world: World,
) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    branch.add_customer()

    class Down(WsgiTransport):
        def send(self, request: Request) -> Answer:
            if request.method == "POST":
                raise NoAnswerError(reason="down")
            return super().send(request)

    branch.push(transport=Down(world.app))  # sealed, and not delivered
    url = branch.runtime.database.url
    branch.runtime.database.dispose()
    branch.runtime = open_node(world, "B001-second", url)

    join_again(branch, enrol_again(world))

    assert branch.push().outcome == "done"
    assert (lineage(branch), customers(branch)) == (1, 2)
    world.assert_equal()


def test_a_branch_that_lost_its_whole_node_gets_everything_back(world: World) -> None:
    branch = world.make_branch("B001")
    manager = branch.add_manager()
    for _ in range(3):
        customer = branch.add_customer(manager_id=manager)
        branch.add_bill_line(customer)
        branch.add_work_log(manager, customer)
    branch.push()
    digests, stolen = branch.digests(), branch.runtime.private_key
    branch.runtime.database.dispose()

    branch.runtime = open_node(world, "B001-new", world.make_branch_database())
    join_hq(branch.runtime, HQ_URL, enrol_again(world), by=world.by())
    assert branch.push().outcome == "done"

    assert branch.digests() == digests
    assert ask_under(branch, stolen) == "unknown-node"
    assert lineage(branch) == 2
    branch.add_customer(customer_no="N1")
    assert branch.push().outcome == "done"
    world.assert_equal()


@pytest.mark.parametrize("purged", [False, True])
def test_hq_restored_to_before_the_enrolment_is_healed_by_enrolling_again(world: World, purged: bool) -> None:
    archive = setbacks.back_up_hq(world)
    branch = world.make_branch("B001")
    branch.add_bill_line(branch.add_customer())
    branch.push()
    if purged:
        from branch_node.retention.jobs import purge_outbox

        setbacks.back_up_hq(world)
        branch.push()
        world.advance(days=31)
        assert purge_outbox(branch.runtime, world.by(), Progress()).counts["batches"]

    setbacks.set_back_hq(world, archive)
    assert branch.push().problem == "unknown-node"
    join_again(branch, enrol_again(world))

    assert branch.push().outcome == "done"
    assert customers(branch) == 1
    world.assert_equal()


def test_codes_do_no_more_than_they_were_given_for(world: World) -> None:
    first, second = world.make_branch("B001"), world.make_branch("B002")
    first.push()
    with pytest.raises(AlreadyJoinedError):
        world.enrol("B001")
    with pytest.raises(AlreadyMemberError):
        join_hq(first.runtime, HQ_URL, "any", by=world.by())

    with pytest.raises(HqRefusedError, match="code-refused"):
        join_again(first, enrol_again(world, "B002"))
    elsewhere = open_node(world, "B001-second", first.runtime.database.url)
    with pytest.raises(HqRefusedError, match="code-refused"):
        join_hq(elsewhere, HQ_URL, enrol_again(world, "B002"), by=world.by(), again=True)
    elsewhere.database.dispose()

    with world.hq.database.reads() as session:
        assert session.scalars(select(Branch.node_id).order_by(Branch.code)).all() == [
            first.runtime.settings.node_id,
            second.runtime.settings.node_id,
        ]
    assert second.push().outcome == "done"


def test_a_revoked_key_never_comes_back(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    thief = branch.runtime.private_key
    revoke_all(world)
    credentials = Credentials(branch.runtime.settings.node_id, thief, HQ_URL)
    client = HqClient(world.transport(), credentials, world.clock, lambda: "n")

    with pytest.raises(HqRefusedError, match="code-refused"):
        client.enrol(enrol_again(world))

    join_again(branch, enrol_again(world))
    assert branch.push().outcome == "done"
    assert Vitals().pending == 0
