"""A branch fits its batches to its line, keeps the size between cycles, and waits its turn without alarm."""

from dataclasses import dataclass, replace

import pytest
from sqlalchemy import func, select

from branch_node.outbound import pacing
from branch_node.outbound.models import Cycle, SendingPace
from branch_node.outbound.pace import FIRST, LEAST_CHANGES, Pace
from branch_node.outbound.queries import count_failures, link
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, Request, Transport
from hq_server.intake import Lane
from sync_protocol.changelog.models import OutboxBatch
from tests.support.world import BranchHere, World

ROWS = 1_400


@dataclass
class SlowLine:
    """A line of so many bytes a second that gives up after a while; its time is the branch's span."""

    inner: Transport
    bytes_a_s: float
    patience_s: float = 60.0
    at: float = 0.0

    def __call__(self) -> float:
        return self.at

    def send(self, request: Request) -> Answer:
        took = len(request.body) / self.bytes_a_s
        self.at += min(took, self.patience_s)
        if took > self.patience_s:
            raise NoAnswerError(reason="timed out")
        return self.inner.send(request)


@pytest.fixture
def branch(world: World) -> BranchHere:
    made = world.make_branch("B001")
    with made.runtime.database.sessions.begin() as session:
        table = made.runtime.bindings["customer"].table
        touched = made._touched()
        session.execute(table.insert(), [_customer(number, touched) for number in range(ROWS)])
    return made


def _customer(number: int, touched: dict[str, object]) -> dict[str, object]:
    return {
        "id": f"01936d0a-2222-7000-8000-{number:012}",
        "customer_no": f"C{number:06}",
        "kind": "individual",
        "name": f"客户{number}",
        "status": "active",
        "tags": [],
        "attributes": {},
        **touched,
    }


def _on(branch: BranchHere, line: SlowLine) -> BranchHere:
    branch.runtime = replace(branch.runtime, transport=line, monotonic=line)
    return branch


def _kept(branch: BranchHere) -> SendingPace:
    with branch.runtime.database.reads() as session:
        return session.scalars(select(SendingPace)).one()


def test_on_a_slow_line_batches_shrink_to_what_it_carries_and_the_size_is_kept(
    world: World, branch: BranchHere
) -> None:
    branch.push(transport=_NoBatches(world.transport()))
    assert _kept(branch).changes == FIRST.changes, "a line that is down tells nothing of its speed"
    with branch.runtime.database.reads() as session:
        body = session.scalars(select(OutboxBatch.payload_bytes)).one()
    line = SlowLine(world.transport(), bytes_a_s=body / 12)

    assert _on(branch, line).push().outcome == "done"

    kept = _kept(branch)
    assert LEAST_CHANGES <= kept.changes <= 500
    assert kept.last_ms is not None
    world.assert_equal()

    with branch.runtime.database.sessions.begin() as session:
        session.execute(branch.runtime.bindings["customer"].table.update().values(name="改名"))
        last = session.scalar(select(func.max(OutboxBatch.id)))
    assert _on(branch, line).push().outcome == "done"
    with branch.runtime.database.reads() as session:
        sizes = session.scalars(select(OutboxBatch.changes).where(OutboxBatch.id > last)).all()
    assert max(sizes) <= kept.changes, "the next cycle began at the size the last one came to"


class _NoBatches:
    """A line on which batches are lost at once."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    def send(self, request: Request) -> Answer:
        if request.method == "POST":
            raise NoAnswerError(reason="lost")
        return self._inner.send(request)


def test_what_is_sealed_is_sent_as_it_is_however_long_it_takes(world: World, branch: BranchHere) -> None:
    line = SlowLine(world.transport(), bytes_a_s=100.0, patience_s=30.0)
    assert _on(branch, line).push().outcome == "retry"
    with branch.runtime.database.reads() as session:
        sealed = session.scalars(select(OutboxBatch).order_by(OutboxBatch.id)).first()
    assert sealed is not None
    assert _kept(branch).changes == sealed.changes // 2

    line.bytes_a_s = 10e6
    assert branch.push().outcome == "done"
    with branch.runtime.database.reads() as session:
        sent = session.get_one(OutboxBatch, sealed.id)
    assert (sent.digest, sent.changes) == (sealed.digest, sealed.changes)
    world.assert_equal()


def test_a_quick_line_gets_larger_batches(
    world: World, branch: BranchHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "FIRST", Pace(200, 2**20))
    assert _on(branch, SlowLine(world.transport(), bytes_a_s=10e6)).push().outcome == "done"

    with branch.runtime.database.reads() as session:
        changes = session.scalars(
            select(OutboxBatch.changes)
            .where(OutboxBatch.record_type == "customer", OutboxBatch.changes > 0)
            .order_by(OutboxBatch.id)
        ).all()
    assert changes[0] == 200
    assert changes[2] == 400, "the second was sealed while the first was on its way"
    assert _kept(branch).changes > 400


def test_a_branch_told_to_wait_is_not_down_raises_no_alarm_and_comes_when_told(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    world.hq.intake.begin(90, Lane.LITTLE)
    for other in range(91, 90 + world.hq.settings.intake_slots):
        assert world.hq.intake.begin(other, Lane.TODAY) is None

    waits = [branch.push() for _time in range(3)]

    assert {one.outcome for one in waits} == {"waiting"}
    assert all(one.wait is not None and 1 <= one.wait.total_seconds() <= 60 for one in waits)
    with branch.runtime.database.reads() as session:
        assert count_failures(session) == 0
        assert link(session, now=world.clock.now()).state == "up"
        assert session.scalars(select(Cycle.outcome)).all() == ["waiting"] * 3
