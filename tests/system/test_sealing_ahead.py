"""A branch seals one batch while HQ takes in the one before, and never more than that one."""

import pytest
from sqlalchemy import func, select

from branch_node.outbound import pacing
from branch_node.outbound.pace import MOST_SIZE, Pace
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, Request, Transport
from sync_protocol.changelog.models import Change, OutboxBatch
from tests.support.world import BranchHere, World

FULL = 10


class NoBatches:
    """A line on which HQ tells its state and every batch is lost."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    def send(self, request: Request) -> Answer:
        if request.method == "POST":
            raise NoAnswerError(reason="lost")
        return self._inner.send(request)


@pytest.fixture
def branch(world: World, monkeypatch: pytest.MonkeyPatch) -> BranchHere:
    monkeypatch.setattr(pacing, "FIRST", Pace(FULL, MOST_SIZE))
    monkeypatch.setattr(pacing, "next_pace", lambda pace, _taken: pace)
    made = world.make_branch("B001")
    for _number in range(4 * FULL + 5):
        made.add_customer()
    return made


def test_however_often_the_line_fails_only_one_batch_is_sealed_ahead(
    world: World, branch: BranchHere
) -> None:
    for _time in range(4):
        assert branch.push(transport=NoBatches(world.transport())).outcome == "retry"

    with branch.runtime.database.reads() as session:
        assert session.scalars(select(OutboxBatch.batch_no).order_by(OutboxBatch.batch_no)).all() == [1, 2]
        unsealed = select(func.count()).select_from(Change).where(Change.batch_id.is_(None))
        assert session.scalar(unsealed) == 2 * FULL + 5


def test_batches_sealed_ahead_arrive_in_order_and_whole(world: World, branch: BranchHere) -> None:
    branch.push(transport=NoBatches(world.transport()))

    result = branch.push()

    assert (result.outcome, result.batches, result.rows) == ("done", 5, 4 * FULL + 5)
    world.assert_equal()


def test_an_edit_after_sealing_ahead_is_not_lost(world: World, branch: BranchHere) -> None:
    branch.push(transport=NoBatches(world.transport()))
    with branch.runtime.database.sessions.begin() as session:
        table = branch.runtime.bindings["customer"].table
        session.execute(table.update().values(name="改名"))

    branch.push()

    world.assert_equal()
