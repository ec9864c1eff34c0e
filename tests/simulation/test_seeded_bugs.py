"""The simulation notices bugs; three of them here, all twenty by `make seeded-bugs`."""

import pytest

from branch_node.torture.stage import Stage
from tests.simulation import seeded_bugs
from tests.simulation.seeded_bugs import BUGS, Bug, catch, planted

SHARE = BUGS[2::7]


@pytest.mark.parametrize("bug", SHARE, ids=lambda bug: bug.name)
def test_a_bug_put_into_the_protocol_is_noticed(stage: Stage, bug: Bug) -> None:
    assert catch(stage, bug) is not None


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_bug_can_still_be_planted_and_is_taken_out_again(bug: Bug) -> None:
    module, _, path = bug.function.partition(":")
    function = seeded_bugs.find_function(module, path)
    right = function.__code__
    with planted(bug):
        assert function.__code__ is not right
    assert function.__code__ is right


def test_there_are_twenty_bugs_of_different_names() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) == 20
