"""After days without a line today's records come first; what waits from before follows, and both end equal."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from branch_node.customers.models import Customer
from branch_node.lanes.queries import Waiting, count_waiting
from branch_node.outbound import pacing
from branch_node.outbound.lanes import local_day
from branch_node.outbound.models import RecoveredRow
from branch_node.outbound.pace import MOST_SIZE, Pace
from branch_node.outbound.packing import pack, take_receipts
from branch_node.outbound.recovered import RESTORED
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, Request, Transport
from hq_server.ingest.models import ChainPosition, InboxBatch
from hq_server.ingest.unpacking import unpack
from hq_server.proof.models import Difference, Proof
from hq_server.verification.queries import branch_proofs
from shared.alarms.models import Alarm
from shared.jobs.job import Progress
from sync_protocol.catalog import BACKLOG, CATALOG
from sync_protocol.contract.codes import PROBLEM_TYPE
from tests.support import setbacks
from tests.support.world import BranchHere, World

FEW = 3
EARLIER = 12
EARLY = "early"


class Line:
    """A line that can be down, that carries so many batches only, or on which one channel is refused."""

    def __init__(self, inner: Transport, *, batches: int = 0, refused: str = "") -> None:
        self._inner, self._left, self._refused = inner, batches, refused

    def send(self, request: Request) -> Answer:
        if request.url.endswith("/batches"):
            if f"/{self._refused}/" in request.headers["idempotency-key"]:
                told = {"content-type": "application/problem+json"}
                return Answer(409, f'{{"type":"{PROBLEM_TYPE}fork-detected"}}'.encode(), told)
            if not self._refused and self._left == 0:
                raise NoAnswerError(reason="down")
            self._left -= 1
        return self._inner.send(request)


@pytest.fixture
def behind(world: World, monkeypatch: pytest.MonkeyPatch) -> BranchHere:
    """A branch that was without a line for a day on which it entered much, and now enters a little."""
    monkeypatch.setattr(pacing, "FIRST", Pace(FEW, MOST_SIZE))
    monkeypatch.setattr(pacing, "next_pace", lambda pace, _taken: pace)
    branch = world.make_branch("B001")
    split_above(branch, FEW)
    branch.add_manager()
    branch.push()
    world.advance(days=1)
    setbacks.back_up_branch(branch).rename(world.folder / EARLY)
    for number in range(EARLIER):
        customer = branch.add_customer(name=f"昨天{number}")
        branch.add_bill_line(customer)
    branch.add_customer(name="昨天来的")
    branch.push(transport=Line(world.transport()))
    world.advance(days=1)
    today = branch.add_customer(name="今天")
    branch.add_bill_line(today)
    return branch


def split_above(branch: BranchHere, changes: int) -> None:
    """Set the node up so, as its file says it."""
    home = branch.runtime.settings.home
    home.write_config({**home.read_config(), "backlog_above": changes})
    branch.runtime = replace(branch.runtime, settings=replace(branch.runtime.settings, backlog_above=changes))


def arrived(world: World) -> list[tuple[str, str, int]]:
    with world.hq.database.reads() as session:
        rows = session.execute(
            select(InboxBatch.channel, InboxBatch.record_type, InboxBatch.rows)
            .where(InboxBatch.rows > 0)
            .order_by(InboxBatch.id)
        )
        return [tuple(row) for row in rows]  # type: ignore[misc]


def names_at_hq(world: World) -> set[str]:
    table = world.hq.bindings["customer"].table
    with world.hq.database.reads() as session:
        return set(session.scalars(select(table.c.name)))


def assert_proven(world: World) -> None:
    """Fail unless everything is equal, was found equal at the first comparison, and nothing cried wolf."""
    world.assert_equal()
    with world.hq.database.reads() as session:
        assert session.scalars(select(Difference)).all() == []
        assert {one.record_type for one in session.scalars(select(Proof)) if one.equal} == set(CATALOG)
        assert session.scalars(select(Alarm.code).where(Alarm.code == "divergence")).all() == []


def test_todays_records_are_in_before_any_more_of_the_backlog(world: World, behind: BranchHere) -> None:
    # A batch or two of customers were sealed before the line was found to be down: that chain comes first.
    behind.push(transport=Line(world.transport(), batches=5))

    assert "今天" in names_at_hq(world)
    assert len([name for name in names_at_hq(world) if name.startswith("昨天")]) < EARLIER

    assert behind.push().outcome == "done"
    channels = [channel for channel, _record, _rows in arrived(world)]
    first = channels.index(BACKLOG)
    assert set(channels[first:]) == {BACKLOG, "control"}
    assert channels[-1] == "control", "the manifests of the days follow the facts they count"
    assert_proven(world)


def test_of_what_came_by_the_backlog_too_one_barrier_proves_every_small_table(
    world: World, behind: BranchHere
) -> None:
    while behind.push().unfinished:
        pass
    assert BACKLOG in {channel for channel, _record, _rows in arrived(world)}
    world.advance(days=1)
    empty = select(func.count()).select_from(InboxBatch).where(InboxBatch.rows == 0)
    with world.hq.database.reads() as session:
        before = session.scalar(empty) or 0

    assert behind.push().outcome == "done"

    with world.hq.database.reads() as session:
        just_now = (Proof.compared_at == world.clock.now()) & Proof.equal
        assert set(session.scalars(select(Proof.record_type).where(just_now))) == set(CATALOG)
        assert session.scalar(empty) == before + 1


def test_a_record_type_with_little_from_before_goes_in_one_queue(world: World, behind: BranchHere) -> None:
    split_above(behind, 100)

    behind.push()

    assert BACKLOG not in {channel for channel, _record, _rows in arrived(world)}
    assert_proven(world)


def test_a_record_changed_or_removed_on_both_sides_of_midnight_ends_as_it_is(
    world: World, behind: BranchHere
) -> None:
    with behind.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.name == "昨天9").values(name="今天改名"))
        session.execute(delete(Customer).where(Customer.name == "昨天来的"))

    behind.push()

    assert "今天改名" in names_at_hq(world)
    assert names_at_hq(world).isdisjoint({"昨天9", "昨天来的"})
    assert_proven(world)


def test_head_office_restored_meets_old_barriers_out_of_order_and_finds_no_difference(
    world: World, behind: BranchHere
) -> None:
    archive = setbacks.back_up_hq(world)
    assert behind.push().outcome == "done"

    setbacks.set_back_hq(world, archive)
    assert behind.push().outcome == "done"

    assert BACKLOG in {channel for channel, _record, _rows in arrived(world)}
    assert_proven(world)


def test_a_branch_set_back_gets_back_what_came_as_backlog_too(world: World, behind: BranchHere) -> None:
    behind.push()
    kept = names_at_hq(world)

    setbacks.set_back(behind, world.folder / EARLY)
    assert behind.push().outcome == "done"

    with behind.runtime.database.reads() as session:
        assert set(session.scalars(select(Customer.name))) == kept
        assert set(session.scalars(select(RecoveredRow.state))) == {RESTORED}
    world.assert_equal()


def test_backlog_goes_on_while_todays_channel_is_refused_and_the_other_way_round(
    world: World, behind: BranchHere
) -> None:
    behind.push(transport=Line(world.transport(), refused="profile"))
    assert (BACKLOG, "bill_line", FEW) in arrived(world)
    assert "今天" not in names_at_hq(world)

    behind.add_customer(name="又一个")
    behind.push(transport=Line(world.transport(), refused=BACKLOG))
    assert {"今天", "又一个"} <= names_at_hq(world)

    assert behind.push().outcome == "done"
    assert_proven(world)


def test_a_branch_without_a_line_packs_both_lanes_into_its_file(
    world: World, behind: BranchHere, tmp_path: Path
) -> None:
    file, receipts = tmp_path / "a.sync", tmp_path / "a.receipts"

    pack(behind.runtime, file, world.by(), Progress())
    unpack(world.hq, file, receipts, by=world.by())
    take_receipts(behind.runtime, receipts, by=world.by())

    assert BACKLOG in {channel for channel, _record, _rows in arrived(world)}
    behind.push()
    assert_proven(world)


def test_the_page_tells_todays_from_what_waits_from_before(world: World, behind: BranchHere) -> None:
    def waiting() -> Waiting:
        with behind.runtime.database.reads() as session:
            return count_waiting(session, local_day(behind.runtime))

    before = waiting()
    assert before.today >= 2
    assert before.earlier >= EARLIER
    behind.push(transport=Line(world.transport(), refused=BACKLOG))
    assert (waiting().today, waiting().earlier > FEW) == (0, True)
    behind.push()
    assert waiting() == Waiting(today=0, earlier=0)


def test_a_branch_is_equal_through_the_batches_of_its_backlog_too(world: World, behind: BranchHere) -> None:
    behind.push()

    with world.hq.database.reads() as session:
        [standing] = branch_proofs(session)
        through = session.scalar(select(func.sum(ChainPosition.batch_no)))
    assert (standing.equal, standing.through) == (True, through)
