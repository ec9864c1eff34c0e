"""A record too large for any batch holds up nothing: set aside at its branch and told, it goes once it is smaller."""

import pytest
from sqlalchemy import delete, select, update

from branch_node.customers.models import Customer
from branch_node.imports.exporting import export_unsent
from branch_node.outbound import tracing
from branch_node.outbound.models import RecoveredRow
from hq_server.proof.models import Difference, Proof
from shared.alarms.models import Alarm
from sync_protocol.changelog.models import SET_ASIDE, Change, OutboxBatch, OversizeRecord
from sync_protocol.contract import payload
from tests.support import setbacks
from tests.support.world import BranchHere, World

LONG = "长" * 400


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that any row keeps but one with LONG in it."""
    monkeypatch.setattr(payload, "MAX_PAYLOAD_BYTES", 2_000)


@pytest.fixture
def branch(world: World, limit: None) -> BranchHere:
    made = world.make_branch("B001")
    made.add_customer(name="小一")
    made.add_customer(name="大", customer_no="BIG", remark=LONG)
    made.add_customer(name="小二")
    return made


def kept(branch: BranchHere) -> list[OversizeRecord]:
    with branch.runtime.database.reads() as session:
        return list(session.scalars(select(OversizeRecord)))


def alarms(branch: BranchHere) -> list[Alarm]:
    with branch.runtime.database.reads() as session:
        return list(session.scalars(select(Alarm).where(Alarm.code == "record-too-large")))


def write(branch: BranchHere, **values: str) -> None:
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.customer_no == "BIG").values(**values))


def names_at_hq(world: World) -> set[str]:
    with world.hq.database.reads() as session:
        return set(session.scalars(select(world.hq.bindings["customer"].table.c.name)))


def differences(world: World) -> list[Difference]:
    with world.hq.database.reads() as session:
        return list(session.scalars(select(Difference)))


def test_it_is_set_aside_and_told_while_all_others_go(world: World, branch: BranchHere) -> None:
    result = branch.push()

    assert (result.outcome, names_at_hq(world)) == ("done", {"小一", "小二"})
    [one] = kept(branch)
    assert one.payload_bytes > 2_000
    [alarm] = alarms(branch)
    assert alarm.is_open
    assert set(alarm.details) == {"number", "size", "most"}
    assert (alarm.details["number"], alarm.details["size"]) == ("BIG", 1), "a part of a MB is told as one"
    with branch.runtime.database.reads() as session:
        found = tracing.trace(session, branch.runtime.bindings, "customer", "BIG")
    assert [step.stage for step in found.steps] == [tracing.TOO_LARGE]
    assert branch.push().batches == 0
    assert len(alarms(branch)) == 1, "it is told once"


def test_a_barrier_leaves_it_out_on_both_sides(world: World, branch: BranchHere) -> None:
    branch.push()
    world.advance(days=1)

    branch.push()

    with world.hq.database.reads() as session:
        proof = session.get_one(Proof, (1, "customer"))
    assert (differences(world), proof.equal, proof.rows) == ([], True, 2)


def test_shortened_it_goes_by_itself_and_its_earlier_changes_count_as_sent(
    world: World, branch: BranchHere
) -> None:
    branch.push()
    write(branch, name="还大")
    branch.push()
    assert [step_count(branch), len(alarms(branch))] == [2, 1]

    write(branch, remark="短")
    branch.push()

    assert (kept(branch), names_at_hq(world)) == ([], {"小一", "小二", "还大"})
    assert [one.is_open for one in alarms(branch)] == [False]
    assert step_count(branch) == 0
    world.assert_equal()


def test_set_back_to_when_it_was_too_large_its_branch_is_asked_which_version_holds(
    world: World, branch: BranchHere
) -> None:
    branch.push()
    archive = setbacks.back_up_branch(branch)
    write(branch, name="短了", remark="短")
    branch.push()
    setbacks.set_back(branch, archive)

    branch.push()

    with branch.runtime.database.reads() as session:
        [asked] = session.scalars(select(RecoveredRow).where(RecoveredRow.state == "conflict"))
        here = session.scalars(select(Customer).where(Customer.customer_no == "BIG")).one()
    assert (asked.record_id, here.name, here.remark) == (here.id, "大", LONG), "nothing was written over"


def test_removed_it_goes_as_a_removal(world: World, branch: BranchHere) -> None:
    branch.push()

    with branch.runtime.database.sessions.begin() as session:
        session.execute(delete(Customer).where(Customer.customer_no == "BIG"))
    branch.push()

    assert kept(branch) == []
    world.assert_equal()


def test_what_was_set_aside_is_exported_with_what_was_not_sent(branch: BranchHere, tmp_path) -> None:
    branch.push()

    assert export_unsent(branch.runtime, tmp_path)["customers"] == 1


@pytest.mark.parametrize(("room", "sent"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("which", ["MAX_PAYLOAD_BYTES", "MAX_WIRE_BYTES"])
def test_at_the_limit_it_goes_and_one_byte_more_is_set_aside(
    world: World, monkeypatch: pytest.MonkeyPatch, which: str, room: int, *, sent: bool
) -> None:
    branch = world.make_branch("B001")
    branch.add_customer(customer_no="BIG", remark=LONG)
    size = size_alone(branch, which, monkeypatch)
    monkeypatch.setattr(payload, which, size + room)

    branch.push()

    assert (kept(branch) == [], len(names_at_hq(world)) == 1) == (sent, sent)


def size_alone(branch: BranchHere, which: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How large the batch with the one record is: it is tried with a limit nothing keeps, and put back."""
    monkeypatch.setattr(payload, which, 1)
    branch.push()
    [one] = kept(branch)
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(Change).where(Change.batch_id == SET_ASIDE).values(batch_id=None))
        session.execute(delete(OversizeRecord))
        assert session.scalars(select(OutboxBatch)).all() == []
    return one.payload_bytes if which == "MAX_PAYLOAD_BYTES" else one.wire_bytes


def step_count(branch: BranchHere) -> int:
    """How many changes are marked as too large."""
    with branch.runtime.database.reads() as session:
        return len(session.scalars(select(Change.id).where(Change.batch_id == SET_ASIDE)).all())
