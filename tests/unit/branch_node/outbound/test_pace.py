"""The size of batches finds its place on any line and stays there."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from branch_node.outbound.pace import (
    FIRST,
    LEAST_CHANGES,
    LEAST_SIZE,
    MOST_CHANGES,
    MOST_SIZE,
    QUICK_S,
    SLOW_S,
    STEP_CHANGES,
    Pace,
    Taken,
    next_pace,
)

ROW = 500
Line = Callable[[int], float]


def _send(pace: Pace, line: Line, *, row: int = ROW) -> Taken:
    """Send a full batch of rows of `row` bytes."""
    changes = max(1, min(pace.changes, pace.size // row))
    return Taken(changes, changes * row, line(changes))


def _run(line: Line, *, start: Pace = FIRST, batches: int = 60, row: int = ROW) -> list[Pace]:
    paces = [start]
    for _batch in range(batches):
        paces.append(next_pace(paces[-1], _send(paces[-1], line, row=row)))
    return paces


@given(
    fixed=st.floats(0.0, 8.0),
    a_row=st.floats(0.00001, 0.2),
    changes=st.integers(LEAST_CHANGES, MOST_CHANGES),
    size=st.integers(LEAST_SIZE, MOST_SIZE),
    row=st.integers(50, 60_000),
)
def test_on_a_steady_line_the_size_comes_to_rest_within_its_bounds(
    fixed: float, a_row: float, changes: int, size: int, row: int
) -> None:
    paces = _run(lambda rows: fixed + a_row * rows, start=Pace(changes, size), row=row)

    assert all(LEAST_CHANGES <= pace.changes <= MOST_CHANGES for pace in paces)
    assert all(LEAST_SIZE <= pace.size <= MOST_SIZE for pace in paces)
    rest = paces[40:]
    assert max(pace.changes for pace in rest) <= 2 * min(pace.changes for pace in rest)
    assert max(pace.size for pace in rest) <= 2 * min(pace.size for pace in rest)


@given(a_row=st.floats(1 / 4000, 1 / 100))
def test_where_it_can_a_batch_comes_to_take_two_to_five_seconds(a_row: float) -> None:
    line = lambda rows: 0.1 + a_row * rows  # noqa: E731
    rest = _run(line, batches=80)[-1]

    took = _send(rest, line).seconds
    assert QUICK_S <= took <= SLOW_S or (rest.changes == MOST_CHANGES and took < QUICK_S)


def test_growth_is_step_by_step_and_never_more_than_twofold() -> None:
    paces = [pace.changes for pace in _run(lambda _rows: 0.1, row=10)]
    assert paces[:4] == [STEP_CHANGES * one for one in (1, 2, 3, 4)]
    assert paces[-1] == MOST_CHANGES

    small = _run(lambda _rows: 0.1, start=Pace(LEAST_CHANGES, MOST_SIZE))
    assert [pace.changes for pace in small[:4]] == [200, 400, 800, 1600]


def test_a_slow_batch_halves_and_two_sealed_at_one_pace_halve_once() -> None:
    pace, slow = Pace(4_000, MOST_SIZE), Taken(4_000, 2_000_000, SLOW_S + 0.1)
    once = next_pace(pace, slow)
    assert once == Pace(2_000, 1_000_000)
    assert next_pace(once, slow) == once


def test_a_small_batch_tells_nothing_of_a_larger_one() -> None:
    assert next_pace(FIRST, Taken(3, 900, 0.1)) == FIRST


def test_a_line_that_is_down_at_once_changes_nothing_and_one_that_times_out_halves() -> None:
    down = Taken(FIRST.changes, FIRST.size, 0.2, answered=False)
    assert next_pace(FIRST, down) == FIRST
    timed_out = Taken(FIRST.changes, FIRST.size, 60.0, answered=False)
    assert next_pace(FIRST, timed_out) == Pace(FIRST.changes // 2, FIRST.size // 2)
