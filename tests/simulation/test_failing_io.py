"""Fail the Nth database call or message of a whole cycle: a share of all N here, every one of them in `make soak`."""

from itertools import count, takewhile

import pytest

from branch_node.torture.faults import disk_error, killed
from branch_node.torture.stage import Stage
from tests.simulation.failing_io import BrokenCycle

SHARE = 90


@pytest.mark.parametrize("side", ["branch", "hq"])
@pytest.mark.parametrize("how", [disk_error, killed], ids=["error", "kill"])
def test_a_cycle_broken_at_a_database_call_is_made_up_for_by_the_next(stage: Stage, side, how) -> None:
    broken = BrokenCycle(stage)
    first = 1 if how is disk_error else SHARE // 2

    tried = list(takewhile(lambda call: broken.fail_call(side, call, how), count(first, SHARE)))

    assert len(tried) >= 3


def test_a_cycle_that_loses_an_answer_is_made_up_for_by_the_next(stage: Stage) -> None:
    broken = BrokenCycle(stage)

    tried = list(takewhile(lambda number: broken.fail_message(number, delivered=True), count(1, 2)))

    assert len(tried) >= 5
