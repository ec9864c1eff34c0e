"""The stories that seeded bugs are caught by, told of the product as it is."""

import pytest

from branch_node.torture.stage import Stage
from tests.simulation import scenarios


@pytest.mark.parametrize("story", scenarios.ALL, ids=lambda story: story.__name__)
def test_the_story_ends_well(stage: Stage, story) -> None:
    story(scenarios.Scene(stage))
