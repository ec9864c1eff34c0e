"""Fail the Nth database call or message of a whole cycle: a share of all N here, every one of them in `make soak`."""

from itertools import count, takewhile

import pytest

from branch_node.torture.faults import disk_error, killed
from tests.simulation.failing_io import BrokenCycle

# Of the database calls of a cycle, and of its messages, one in so many is struck here.
SHARE = {"sqlite": 90, "postgresql": 180}
SHARE_OF_MESSAGES = 2


@pytest.mark.parametrize("side", ["branch", "hq"])
@pytest.mark.parametrize("how", [disk_error, killed], ids=["error", "kill"])
def test_a_cycle_broken_at_a_database_call_is_made_up_for_by_the_next(open_stage, dialect, side, how) -> None:
    broken = BrokenCycle(open_stage(dialect))
    share = SHARE[dialect]
    first = 1 if how is disk_error else share // 2

    tried = list(takewhile(lambda call: broken.fail_call(side, call, how), count(first, share)))

    assert len(tried) >= 2


def test_a_cycle_that_loses_an_answer_is_made_up_for_by_the_next(open_stage, dialect) -> None:
    broken = BrokenCycle(open_stage(dialect))

    tried = list(
        takewhile(lambda number: broken.fail_message(number, delivered=True), count(1, SHARE_OF_MESSAGES))
    )

    assert len(tried) >= 5
