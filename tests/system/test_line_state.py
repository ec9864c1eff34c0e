"""What a branch says of its line: since when it is up, slow or down is what people plan their day by."""

from dataclasses import dataclass
from datetime import datetime

import pytest

from branch_node.outbound.queries import Link, link
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, Request
from tests.support.world import BranchHere, World

INTERVAL_MINUTES = 10


@dataclass
class Dead:
    """A line on which nothing is heard."""

    def send(self, request: Request) -> Answer:
        raise NoAnswerError(reason="timed out")


@pytest.fixture
def branch(world: World) -> BranchHere:
    return world.make_branch("B001")


def said(world: World, branch: BranchHere) -> Link:
    with branch.runtime.database.reads() as session:
        return link(session, now=world.clock.now())


def push_heard(world: World, branch: BranchHere) -> datetime:
    """Push on a good line; return when."""
    assert branch.push().outcome == "done"
    return world.clock.now()


@pytest.mark.parametrize(
    ("minutes", "state"),
    [(0, "up"), (15, "up"), (15.1, "slow"), (30, "slow"), (30.1, "down"), (9_000, "down")],
)
def test_how_long_nothing_was_heard_says_how_the_line_stands(
    world: World, branch: BranchHere, minutes: float, state: str
) -> None:
    heard = push_heard(world, branch)
    branch.add_customer()
    world.advance(minutes=minutes)

    assert said(world, branch) == Link(state, heard, heard if state == "down" else None, 1)


def test_after_a_failed_cycle_it_is_down_since_the_first_that_failed(
    world: World, branch: BranchHere
) -> None:
    heard = push_heard(world, branch)
    world.advance(minutes=INTERVAL_MINUTES)
    branch.push(transport=Dead())
    first = world.clock.now()
    world.advance(minutes=INTERVAL_MINUTES)
    branch.push(transport=Dead())

    assert said(world, branch) == Link("down", heard, first, 0)
    assert said(world, branch).down_since != heard

    again = push_heard(world, branch)
    assert said(world, branch) == Link("up", again, None, 0)


def test_a_branch_that_joined_and_never_got_through_is_down_since_it_first_tried(
    world: World, branch: BranchHere
) -> None:
    joined = world.clock.now()
    world.advance(minutes=INTERVAL_MINUTES)
    assert said(world, branch) == Link("down", None, joined, 0)

    branch.push(transport=Dead())

    assert said(world, branch) == Link("down", None, world.clock.now(), 0)
