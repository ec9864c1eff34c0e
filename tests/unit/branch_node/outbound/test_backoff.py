"""How long a branch waits after cycles that failed."""

from datetime import timedelta

import pytest

from branch_node.outbound.backoff import next_wait


def longest(low: float, high: float) -> float:
    """Draw the end of the span."""
    assert low == 0
    return high


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(1, 10), (2, 20), (3, 40), (4, 80), (7, 640), (8, 900), (16, 900), (1_000_000, 900)],
)
def test_the_span_doubles_with_each_failure_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    assert next_wait(failures, uniform=longest) == timedelta(seconds=seconds)


def test_any_moment_of_the_span_may_be_drawn_so_that_branches_do_not_come_back_together() -> None:
    assert next_wait(3, uniform=lambda low, _high: low) == timedelta(0)
    assert next_wait(3, uniform=lambda _low, high: high / 4) == timedelta(seconds=10)


@pytest.mark.parametrize(("hint", "seconds"), [(0, 40), (39, 40), (41, 41), (3_600, 3_600)])
def test_what_the_server_asks_for_is_never_undercut(hint: int, seconds: int) -> None:
    assert next_wait(3, uniform=longest, hint_s=hint) == timedelta(seconds=seconds)
