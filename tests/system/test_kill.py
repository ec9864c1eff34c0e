"""kill -9 of either node at random moments of a push, over and over: nothing is lost and nothing doubled."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from branch_node.outbound.models import Cycle
from tests.support.pair import Pair, make_pair
from tests.support.processes import Command
from tests.support.shares import share

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
# On each of the two databases, of each of the two nodes: eight in all of each node, fifty with `--whole`.
MANY_KILLS = 25
KILLS = share(4, MANY_KILLS)
MOST_ROUNDS = 4 * KILLS
ROWS = 60  # customers written before each push, with bill lines and logs


@pytest.fixture
def pair(tmp_path: Path, make_database_url: Callable[..., str], dialect: str) -> Iterator[Pair]:
    """HQ on `dialect`, its branch on the other kind of database."""
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[dialect]
    urls = {"hq": make_database_url(dialect), "branch": make_database_url(other)}
    homes = {node: tmp_path / node for node in urls}
    made = make_pair(tmp_path, homes, urls, random.Random(dialect))
    yield made
    made.close()


def _length_of_a_push(pair: Pair) -> float:
    """Return how long an undisturbed cycle takes, in seconds, with as much to send as each round writes."""
    # The first cycle of a day sends all there is and proves every table: the later ones are shorter.
    pair.push().succeed()
    pair.write(ROWS)
    pair.push().succeed()
    with pair.branch_database.reads() as session:
        cycle = session.scalars(select(Cycle).order_by(Cycle.id.desc()).limit(1)).one()
    assert cycle.ended_at is not None
    return (cycle.ended_at - cycle.started_at).total_seconds()


def _kill_in_the_middle(pair: Pair, victim: Callable[[Command], Command]) -> int:
    """Kill at random moments of pushes until it was in the middle of one KILLS times; return how many pushes."""
    length, killed = _length_of_a_push(pair), 0
    for rounds in range(1, MOST_ROUNDS):
        pair.write(ROWS)
        before = pair.cycles()
        push = pair.push()
        at_work = pair.wait_for_cycle(before, push)
        time.sleep(pair.rng.uniform(0, length))
        killed += at_work and push.process.is_alive()
        victim(push).kill()
        if victim(push) is pair.hq:
            assert push.wait() in {0, 1}, push.words()
            pair.restart_hq()
        if killed == KILLS:
            return rounds
    pytest.fail(f"only {killed} of {MOST_ROUNDS} kills were in the middle of a push")


def test_a_branch_killed_in_the_middle_of_pushes_loses_and_doubles_nothing(pair: Pair) -> None:
    pair.write(1_500)

    _kill_in_the_middle(pair, lambda push: push)

    pair.push().succeed()
    pair.assert_equal()


def test_hq_killed_in_the_middle_of_pushes_loses_and_doubles_nothing(pair: Pair) -> None:
    pair.write(1_500)

    _kill_in_the_middle(pair, lambda _push: pair.hq)

    pair.push().succeed()
    pair.assert_equal()


def test_of_two_pushes_at_once_one_works_and_one_says_that_it_is_busy(pair: Pair) -> None:
    pair.write(10)
    pair.hq.pause()
    first = pair.push()
    assert pair.wait_for_cycle(0, first)
    second = pair.push()

    assert second.wait() == 1
    assert "push" in second.words()
    pair.hq.go_on()
    first.succeed()
    pair.assert_equal()
